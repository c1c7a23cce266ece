//! Errors of the operating system, with what the user may have meant.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::ClipError;
use crate::text::natural_order;

/// The variant of [`ClipError`] that says most about an [`io::Error`] on `path`. For a path that does not exist, the
/// directory around it is searched for a similar name.
pub(super) fn read_error(path: &Path, source: io::Error) -> ClipError {
    let path = path.to_path_buf();
    match source.kind() {
        io::ErrorKind::NotFound => ClipError::NotFound {
            similar: similar_name(&path),
            path,
        },
        io::ErrorKind::NotADirectory => ClipError::NotADirectory { path },
        io::ErrorKind::PermissionDenied => ClipError::PermissionDenied { path },
        _ => ClipError::Io { path, source },
    }
}

/// The entry beside `path` whose name is closest to the one that does not exist.
fn similar_name(path: &Path) -> Option<PathBuf> {
    const CLOSE: f64 = 0.75;
    let wanted = path.file_name()?.to_string_lossy().to_lowercase();
    let parent = path.parent()?;
    let listed = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    let scored = fs::read_dir(listed).ok()?.flatten().map(|entry| {
        let name = entry.file_name();
        let score =
            strsim::normalized_damerau_levenshtein(&wanted, &name.to_string_lossy().to_lowercase());
        (score, name)
    });
    let best = scored.filter(|(score, _)| *score >= CLOSE).max_by(|a, b| {
        // Equally close names: the first in natural order, whatever order the system lists them in.
        let by_name = || natural_order(b.1.as_encoded_bytes(), a.1.as_encoded_bytes());
        a.0.total_cmp(&b.0).then_with(by_name)
    })?;
    Some(parent.join(best.1))
}
