//! Class names: built in, or from a file in any of the forms people keep them in.

mod built_in;
mod json;
mod lines;
mod numbering;
mod table;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use built_in::BuiltIn;

use super::error::WeightsError;
use crate::text::without_mark;

/// Largest label file that is read.
const MAX_FILE: u64 = 16 << 20;

/// Where class names come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelSource {
    /// A built-in list, by its name.
    BuiltIn(&'static str),
    /// A file.
    File(PathBuf),
}

impl LabelSource {
    /// A built-in list when `text` is the name of one, else a file.
    pub fn parse(text: &str) -> Self {
        match BuiltIn::find(text) {
            Some(list) => Self::BuiltIn(list.name),
            None => Self::File(PathBuf::from(text)),
        }
    }

    /// The 400 classes of Kinetics-400, in alphabetical order.
    pub fn kinetics400() -> Self {
        Self::BuiltIn("kinetics400")
    }

    /// The names, by class index. `classes` is what the classifier needs, where it is known: a heading above as many names is
    /// no name then.
    ///
    /// # Errors
    /// [`WeightsError::Labels`] for a file in no known form and for a wrong count.
    pub fn read(&self, classes: Option<usize>) -> Result<Vec<String>, WeightsError> {
        let failed = |reason: String| WeightsError::Labels {
            from: self.name(),
            reason,
        };
        let labels = match self {
            Self::BuiltIn(name) => BuiltIn::find(name).map(BuiltIn::labels).unwrap_or_default(),
            Self::File(path) => parse(&text_of(path).map_err(failed)?).map_err(failed)?,
        };
        match (classes, labels.as_slice()) {
            (Some(classes), [heading, names @ ..])
                if names.len() == classes && table::heads_names(heading) =>
            {
                Ok(names.to_vec())
            }
            (Some(classes), _) if classes != labels.len() => {
                Err(failed(wrong_count(&labels, classes)))
            }
            _ => Ok(labels),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::BuiltIn(name) => (*name).to_string(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

fn wrong_count(labels: &[String], classes: usize) -> String {
    let count = match labels.len() {
        1 => "1 name".to_string(),
        names => format!("{names} names"),
    };
    let ends = match labels {
        [first, .., last] => format!(" (from {first:?} to {last:?})"),
        _ => String::new(),
    };
    format!("{count}{ends} for a classifier with {classes} classes")
}

/// The built-in lists that have a name for each of `classes`.
pub(super) fn built_in_with(classes: usize) -> Vec<&'static str> {
    let fitting = built_in::LISTS
        .iter()
        .filter(|list| list.classes == classes);
    fitting.map(|list| list.name).collect()
}

fn text_of(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => built_in::advice(path),
        _ => e.to_string(),
    })?;
    let len = metadata.len();
    if len > MAX_FILE {
        return Err(format!("{len} bytes is too long for a list of names"));
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let text = without_mark(bytes).and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| "it is neither UTF-8 nor UTF-16 text".to_string())
}

/// Reads JSON (see [`json::parse`]) or lines (see [`lines::parse`]).
fn parse(text: &str) -> Result<Vec<String>, String> {
    match text.trim_start().as_bytes().first() {
        Some(b'[') | Some(b'{') => json::parse(text),
        Some(_) => lines::parse(&without_comments(text)),
        None => Err("it is empty".to_string()),
    }
}

/// Lines without those that begin with `#`, unless all do, or the mark is a column's heading (`#,name`).
fn without_comments(text: &str) -> Cow<'_, str> {
    let is_comment = |line: &str| {
        let rest = line.trim_start().strip_prefix('#');
        rest.is_some_and(|rest| !rest.starts_with([',', ';', '\t']))
    };
    let is_name = |line: &str| !line.trim().is_empty() && !is_comment(line);
    if !text.lines().any(is_comment) || !text.lines().any(is_name) {
        return Cow::Borrowed(text);
    }
    let kept = text.split_inclusive('\n').filter(|line| !is_comment(line));
    Cow::Owned(kept.collect())
}
