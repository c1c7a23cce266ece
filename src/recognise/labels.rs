//! Class labels: the names of the classifier's outputs.

use std::borrow::Cow;

/// A list of labels whose length is not the number of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {labels} labels for {classes} classes")]
pub struct LabelCount {
    /// Labels in the list.
    pub labels: usize,
    /// Outputs of the head.
    pub classes: usize,
}

/// One label per class, in the order of the head's outputs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    /// Empty: classes are named by number.
    names: Vec<String>,
}

impl Labels {
    /// Names by number: `class_0`, `class_1`, ...
    pub fn numbered() -> Self {
        Self::default()
    }

    /// The given names, one for each of `classes` classes.
    ///
    /// # Errors
    /// [`LabelCount`] when there are more or fewer names than classes.
    pub fn from_names(names: Vec<String>, classes: usize) -> Result<Self, LabelCount> {
        let labels = names.len();
        match labels == classes {
            true => Ok(Self { names }),
            false => Err(LabelCount { labels, classes }),
        }
    }

    /// The label of class `index`; `class_{index}` where there is no name.
    pub fn get(&self, index: usize) -> Cow<'_, str> {
        match self.names.get(index) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("class_{index}")),
        }
    }

    /// The labels of all `classes` classes.
    pub fn all(&self, classes: usize) -> Vec<String> {
        (0..classes)
            .map(|index| self.get(index).into_owned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_without_names_are_numbered() {
        assert_eq!(Labels::numbered().all(2), ["class_0", "class_1"]);
    }

    #[test]
    fn labels_of_another_head_are_refused() {
        let error = Labels::from_names(vec!["a".into(), "b".into()], 3).unwrap_err();
        assert_eq!(error.to_string(), "there are 2 labels for 3 classes");
    }
}
