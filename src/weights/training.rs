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
