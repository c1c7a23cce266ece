//! Whether the end of an AVI file is missing, which ffprobe does not say.

use super::input::Input;

/// How the header shows that the end is missing; `None` for whole files, for those that were never finished, whose header
/// states no size, and for other containers.
pub(super) fn missing_end(video: &Input) -> Option<String> {
    let (head, found) = video.head::<12>()?;
    let size = u32::from_le_bytes(head[4..8].try_into().ok()?);
    let is_stated = head.starts_with(b"RIFF") && head.ends_with(b"AVI ") && size != u32::MAX;
    let stated = u64::from(size) + 8;
    // The last chunk may be filled to an even size without being counted.
    (is_stated && stated > found + 1)
        .then(|| format!("its header states {stated} bytes, and it has {found}"))
}
