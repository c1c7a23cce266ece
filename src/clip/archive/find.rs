//! Archives and the clips in them, by their paths.

use std::path::{Path, PathBuf};

use super::clips::clips_of;
use super::names;
use crate::clip::error::{ClipError, Result};
use crate::clip::stored::Stored;

/// How the names of archives end. Those that are compressed are here to be told so.
const ENDINGS: [&str; 11] = [
    ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.xz", ".txz", ".tar.bz2", ".tbz2",
    ".tar.lz4", ".tar.br",
];

/// Whether a path is that of a file whose name is an archive's.
pub fn is_archive(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let name = name.to_string_lossy().to_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending)) && path.is_file()
}

/// The archive that a clip's path leads into.
pub fn archive_around(clip: &Path) -> Option<PathBuf> {
    let mut outer = clip.ancestors().skip(1);
    outer.find(|path| is_archive(path)).map(Path::to_path_buf)
}

/// Where the clip of a path `ARCHIVE/NAME` is. The name may be that of a video, the key that it shares with its sample, or the
/// name of a clip of frames.
///
/// # Errors
/// [`ClipError::Archive`].
pub(in crate::clip) fn find(archive: &Path, clip: &Path) -> Result<Stored> {
    let failed = |reason: String| ClipError::Archive {
        path: clip.to_path_buf(),
        reason,
    };
    let is_key = |path: &Path| {
        let path = path.as_os_str().as_encoded_bytes();
        let of = names::key(path).map(|(key, _)| key);
        of == Some(clip.as_os_str().as_encoded_bytes())
    };
    let (mut named, mut keyed, mut end) = (Vec::new(), Vec::new(), None);
    for found in clips_of(archive.to_path_buf().into(), |_| {}) {
        let Some(stored) = found.stored else {
            continue;
        };
        if found.path == archive {
            end = Some(stored);
        } else if found.path == clip {
            named.push((found.path, stored));
        } else if matches!(stored, Stored::Video(_)) && is_key(&found.path) {
            keyed.push((found.path, stored));
        }
    }
    let mut found = if named.is_empty() { keyed } else { named };
    match (found.len(), end) {
        (1, _) => Ok(found.remove(0).1),
        (0, Some(Stored::Unreadable(reason))) => Err(failed(format!(
            "the archive cannot be looked through: {reason}"
        ))),
        (0, _) => Err(failed(format!(
            "{} has no clip of this name",
            archive.display()
        ))),
        (count, _) => {
            let paths = found.iter().map(|(path, _)| path.display().to_string());
            Err(failed(format!(
                "{count} clips are called so: {}",
                paths.collect::<Vec<_>>().join(", ")
            )))
        }
    }
}
