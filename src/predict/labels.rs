//! Class labels: the names behind the head's outputs.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Why a list of labels cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// The file cannot be read.
    #[error("cannot read the labels in {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file starts as a JSON list and is none.
    #[error("{path} starts with '[' but is not a JSON list of strings", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where it fails.
        source: serde_json::Error,
    },
    /// An empty line between labels would shift every name after it.
    #[error("line {line} of {path} is empty; a labels file has one label per line", path = path.display())]
    EmptyLine {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
    },
    /// One label per class, or the names would belong to other classes.
    #[error("there are {labels} labels for {classes} classes")]
    Count {
        /// Labels in the list.
        labels: usize,
        /// Outputs of the head.
        classes: usize,
    },
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
    /// [`LabelError::Count`] when their number is another.
    pub fn from_names(names: Vec<String>, classes: usize) -> Result<Self, LabelError> {
        if names.len() != classes {
            return Err(LabelError::Count {
                labels: names.len(),
                classes,
            });
        }
        Ok(Self { names })
    }

    /// Reads a file of names: one per line (UTF-8, a byte order mark and trailing empty lines are ignored), or a JSON list
    /// of strings.
    ///
    /// # Errors
    /// [`LabelError`] when the file cannot be read, is malformed, or holds another number of names than `classes`.
    pub fn from_file(path: &Path, classes: usize) -> Result<Self, LabelError> {
        let text = std::fs::read_to_string(path).map_err(|source| LabelError::Read {
            path: path.to_owned(),
            source,
        })?;
        let text = text.trim_start_matches('\u{feff}').trim_end();
        let names = if text.trim_start().starts_with('[') {
            serde_json::from_str(text).map_err(|source| LabelError::Json {
                path: path.to_owned(),
                source,
            })?
        } else {
            lines(text, path)?
        };
        Self::from_names(names, classes)
    }

    /// The label of class `index`; its number where the list has no name for it.
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

fn lines(text: &str, path: &Path) -> Result<Vec<String>, LabelError> {
    let label = |(index, line): (usize, &str)| match line.trim() {
        "" => Err(LabelError::EmptyLine {
            path: path.to_owned(),
            line: index + 1,
        }),
        label => Ok(label.to_owned()),
    };
    text.lines().enumerate().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str, classes: usize) -> Result<Labels, LabelError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("labels.txt");
        std::fs::write(&path, text).unwrap();
        Labels::from_file(&path, classes)
    }

    #[test]
    fn classes_without_names_are_numbered() {
        assert_eq!(Labels::numbered().all(2), ["class_0", "class_1"]);
    }

    #[test]
    fn a_labels_file_has_one_label_per_line() {
        let labels = labels("\u{feff}abseiling\r\nair drumming\r\n\r\n", 2).unwrap();
        assert_eq!(labels.all(2), ["abseiling", "air drumming"]);
    }

    #[test]
    fn a_labels_file_may_be_a_json_list() {
        assert_eq!(labels("[\"a\", \"b, c\"]\n", 2).unwrap().get(1), "b, c");
        assert!(matches!(labels("[1, 2]", 2), Err(LabelError::Json { .. })));
    }

    #[test]
    fn an_empty_line_between_labels_is_named() {
        assert!(matches!(
            labels("a\n\nb\n", 3),
            Err(LabelError::EmptyLine { line: 2, .. })
        ));
    }

    #[test]
    fn labels_of_another_head_are_refused() {
        let error = labels("a\nb\n", 3).unwrap_err();
        assert_eq!(error.to_string(), "there are 2 labels for 3 classes");
    }
}
