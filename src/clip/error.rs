//! What can go wrong between a path and a batch of pixels.

use std::io;
use std::path::{Path, PathBuf};

use super::find::Skipped;

/// Result of every fallible function of [`clip`](crate::clip).
pub type Result<T> = std::result::Result<T, Error>;

/// An error that names the file or directory it is about, and says what to do where that is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing exists at this path.
    #[error("{} does not exist{}", path.display(), did_you_mean(similar.as_deref()))]
    NotFound {
        /// The path as it was given.
        path: PathBuf,
        /// The entry of the same parent directory whose name is closest, when one is close.
        similar: Option<PathBuf>,
    },

    /// A directory was expected and something else is there.
    #[error("{} is not a directory", path.display())]
    NotADirectory {
        /// The path as it was given.
        path: PathBuf,
    },

    /// The operating system refused access.
    #[error("no permission to read {}", path.display())]
    PermissionDenied {
        /// The file or directory that may not be read.
        path: PathBuf,
    },

    /// A directory holds no frame.
    #[error("no frames in {}: {}", path.display(), skipped.advice())]
    NoFrames {
        /// The directory.
        path: PathBuf,
        /// What it holds instead.
        skipped: Skipped,
    },

    /// A frame was listed, but was gone when it was to be decoded.
    #[error("frame {} was there when the directory was listed and is gone now", path.display())]
    FrameVanished {
        /// The frame.
        path: PathBuf,
    },

    /// A file ends before its image does.
    #[error("frame {} is truncated: {reason}", path.display())]
    Truncated {
        /// The frame.
        path: PathBuf,
        /// How that was noticed.
        reason: String,
    },

    /// A file holds no image that can be decoded.
    #[error("frame {} cannot be decoded: {reason}", path.display())]
    Decode {
        /// The frame.
        path: PathBuf,
        /// What the decoder says.
        reason: String,
    },

    /// An image, or the file around it, is larger than a frame may be.
    #[error("frame {} is too large: {reason}", path.display())]
    TooLarge {
        /// The frame.
        path: PathBuf,
        /// The size found and the limit it breaks.
        reason: String,
    },

    /// Reading failed for another reason.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },

    /// A frame index lies beyond the last frame.
    #[error("frame index {index} is out of range: there are {frames} frames")]
    IndexOutOfRange {
        /// The index asked for, counted from 0.
        index: usize,
        /// How many frames there are.
        frames: usize,
    },

    /// A caller's buffer has the wrong length.
    #[error("a buffer of {expected} values is needed for these frames, got {actual}")]
    BufferLength {
        /// `n * 3 * 224 * 224`.
        expected: usize,
        /// The length of the buffer that was passed.
        actual: usize,
    },
}

impl Error {
    /// Sorts an [`io::Error`] on `path` into the variant that says most about it.
    pub(crate) fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound => Error::NotFound {
                similar: super::find::similar_name(&path),
                path,
            },
            io::ErrorKind::NotADirectory => Error::NotADirectory { path },
            io::ErrorKind::PermissionDenied => Error::PermissionDenied { path },
            _ => Error::Io { path, source },
        }
    }
}

fn did_you_mean(similar: Option<&Path>) -> String {
    similar
        .map(|path| format!("; did you mean {}?", path.display()))
        .unwrap_or_default()
}
