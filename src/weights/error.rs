//! What can go wrong between a file and a set of weights.

use std::path::{Path, PathBuf};

use crate::file::FileError;
use crate::recipe::UnknownArchitecture;
use crate::text::visible;

/// Why weights could not be read or written.
///
/// Each variant carries what was found; [`WeightsError::class`] sorts them into the classes a
/// caller treats differently.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// A value is too large for 16 bits.
    #[error(
        "{name} has the value {value}, and 16 bits hold none beyond 65504: store 32 bits per value"
    )]
    BeyondHalf {
        /// The tensor.
        name: String,
        /// The value.
        value: f64,
    },
    /// The operating system refused to read a file.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The content is something else than a checkpoint, and it is known what.
    #[error("{} is {found}, not a checkpoint\n{advice}", path.display())]
    NotACheckpoint {
        /// The file or directory.
        path: PathBuf,
        /// What it is, with its article ("an HTML page").
        found: String,
        /// What to do instead.
        advice: String,
    },
    /// A checkpoint container whose content is broken, hostile or of a kind that cannot be represented.
    #[error("cannot read {} ({container}): {}{}", path.display(), visible(reason), on_new_line(advice))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The container it was recognised as.
        container: String,
        /// What is wrong with it.
        reason: String,
        /// What to do about it; empty when nothing is known to help.
        advice: String,
    },
    /// A rename rule that is not `REGEX=REPLACEMENT`.
    #[error("rename rule '{rule}': {reason}")]
    Rename {
        /// The rule as given.
        rule: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Labels that cannot be read or do not fit the classifier.
    #[error("labels {from}: {reason}")]
    Labels {
        /// File or built-in name.
        from: String,
        /// What is wrong with them.
        reason: String,
    },
    /// The metadata in a safetensors header is not what this version writes.
    #[error("weights metadata: {0}")]
    Metadata(String),
    /// The weights are of a network that this version does not know.
    #[error("weights metadata: {0}")]
    UnknownArchitecture(#[from] UnknownArchitecture),
    /// The model asked for a tensor that the weights do not hold.
    #[error("the weights hold no tensor named {0}")]
    NoSuchTensor(String),
    /// The result could not be written. An existing file is untouched.
    #[error(transparent)]
    Write(#[from] FileError),
}

/// The classes of errors that a caller tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The file was read, but its tensors are not the model's.
    Mismatch,
    /// The file could not be read as a checkpoint.
    Unreadable,
    /// The request itself is wrong (rename rule, labels).
    Usage,
    /// Anything else (writing failed, nothing to load).
    Failed,
}

impl WeightsError {
    /// The class of this error.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Read { .. }
            | Self::NotACheckpoint { .. }
            | Self::Unreadable { .. }
            | Self::Metadata(_) => ErrorClass::Unreadable,
            Self::UnknownArchitecture(_) => ErrorClass::Mismatch,
            Self::Rename { .. } | Self::Labels { .. } => ErrorClass::Usage,
            Self::NoSuchTensor(_) | Self::Write(_) | Self::BeyondHalf { .. } => ErrorClass::Failed,
        }
    }

    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Read {
            path: path.to_path_buf(),
            source,
        }
    }

    pub(crate) fn unreadable(path: &Path, container: &str, reason: impl Into<String>) -> Self {
        Self::Unreadable {
            path: path.to_path_buf(),
            container: container.to_string(),
            reason: reason.into(),
            advice: String::new(),
        }
    }
}

fn on_new_line(advice: &str) -> String {
    if advice.is_empty() {
        String::new()
    } else {
        format!("\n{advice}")
    }
}
