//! Whether the end of an AVI file is missing, which ffprobe does not say.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How the header shows that the end is missing; `None` for whole files, for those that were never finished, whose header
/// states no size, and for other containers.
pub(super) fn missing_end(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let mut head = [0; 12];
    file.read_exact(&mut head).ok()?;
    let size = u32::from_le_bytes(head[4..8].try_into().ok()?);
    let is_stated = head.starts_with(b"RIFF") && head.ends_with(b"AVI ") && size != u32::MAX;
    let (stated, found) = (u64::from(size) + 8, file.metadata().ok()?.len());
    // The last chunk may be filled to an even size without being counted.
    (is_stated && stated > found + 1)
        .then(|| format!("its header states {stated} bytes, and it has {found}"))
}
