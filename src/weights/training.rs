//! What weights say about the training that made them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How `eco train` made weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// What was fitted: `head`, `last` or `all`.
    pub tuned: String,
    /// The weights that it started from: a file's name without its directory, or `demo`.
    pub start: String,
    /// SHA-256 of that file, in hexadecimal.
    pub start_sha256: Option<String>,
    /// Clips that it was fitted to.
    pub clips: usize,
    /// The same for each class.
    pub clips_per_class: Vec<usize>,
    /// SHA-256 of the clips' paths and classes, in hexadecimal.
    pub data_sha256: String,
    /// Every value of the recipe, by name.
    pub recipe: BTreeMap<String, serde_json::Value>,
    /// How it did on clips that it was not fitted to, where there were any.
    pub judged: Option<Judged>,
}

/// Answers on clips that were held back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// How they were held back.
    pub how: String,
    /// How many clips there are.
    pub clips: u64,
    /// How many were answered right.
    pub top_1: u64,
}

impl Training {
    /// What there is to say about it, in lines.
    pub fn lines(&self) -> Vec<String> {
        let start = match &self.start_sha256 {
            None => self.start.clone(),
            Some(sha256) => format!("{} (SHA-256 {sha256})", self.start),
        };
        let classes = self.clips_per_class.len();
        let mut lines = vec![
            format!(
                "{} fitted to {} clips of {classes} classes",
                self.tuned, self.clips
            ),
            format!("started from {start}"),
        ];
        if let Some(Judged { how, clips, top_1 }) = &self.judged {
            lines.push(format!("{top_1} of {clips} right, judged by {how}"));
        }
        let values = self.recipe.iter();
        let values: Vec<String> = values
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        lines.push(values.join(", "));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_is_told_in_words() {
        let training = Training {
            tuned: "head".into(),
            start: "a.safetensors".into(),
            start_sha256: Some("ab12".into()),
            clips: 30,
            clips_per_class: vec![10, 20],
            data_sha256: "cd".into(),
            recipe: BTreeMap::from([("penalty".into(), 0.01.into()), ("seed".into(), 0.into())]),
            judged: Some(Judged {
                how: "5-fold cross-validation".into(),
                clips: 30,
                top_1: 29,
            }),
        };
        assert_eq!(
            training.lines(),
            [
                "head fitted to 30 clips of 2 classes",
                "started from a.safetensors (SHA-256 ab12)",
                "29 of 30 right, judged by 5-fold cross-validation",
                "penalty 0.01, seed 0",
            ]
        );
    }
}
