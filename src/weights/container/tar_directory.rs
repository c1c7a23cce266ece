//! What a tar archive holds, judged by its headers.

use std::ops::Range;
use std::path::Path;

use super::detect::Container;
use super::foreign::not_a_checkpoint;
use crate::text::printable;
use crate::weights::error::WeightsError;

/// Size of a header and of the blocks that data is padded to.
const BLOCK: usize = 512;
/// Most members that are looked at; a checkpoint has four.
const MAX_MEMBERS: usize = 1000;

/// Where the members of a checkpoint are in the file.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) sys_info: Range<usize>,
    pub(super) storages: Range<usize>,
    pub(super) tensors: Range<usize>,
    pub(super) pickle: Range<usize>,
}

/// Finds the four members of a tar checkpoint in the bytes of the file.
///
/// # Errors
/// [`WeightsError::NotACheckpoint`] for a tar of something else; [`WeightsError::Unreadable`] for
/// members that are no plain files, that lie about their size, or that are cut off.
pub(super) fn members(path: &Path, archive: &[u8]) -> Result<Members, WeightsError> {
    let bad = |reason: String| WeightsError::unreadable(path, Container::Tar.describe(), reason);
    let mut found = Members::default();
    let mut names: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(header) = archive.get(at..at + BLOCK) {
        if header.iter().all(|&b| b == 0) || names.len() > MAX_MEMBERS {
            break;
        }
        let name = printable(&String::from_utf8_lossy(until_nul(&header[..100])));
        let size = size(&header[124..136]).ok_or_else(|| bad(format!("'{name}' has no size")))?;
        let start = at + BLOCK;
        let range = start
            .checked_add(size)
            .filter(|&end| end <= archive.len())
            .map(|end| start..end)
            .ok_or_else(|| bad(format!("'{name}' is cut off: the archive is incomplete")))?;
        match header[156] {
            // An old, a regular, a contiguous file.
            0 | b'0' | b'7' => {
                let name = name.trim_start_matches("./");
                if let Some(slot) = found.slot(name) {
                    if *slot != (0..0) {
                        return Err(bad(format!("it holds two members called '{name}'")));
                    }
                    *slot = range;
                }
                names.push(name.to_string());
            }
            b'5' => {}
            // Extended headers may carry anything but a size or a sparse map for the next member.
            b'x' | b'g' => {
                let data = &archive[range];
                let lies = |key: &[u8]| data.windows(key.len()).any(|window| window == key);
                if lies(b"GNU.sparse") || lies(b" size=") {
                    let reason = "a member's size is given twice, or it is sparse";
                    return Err(bad(reason.to_string()));
                }
            }
            kind => {
                let kind = char::from(kind).escape_default();
                return Err(bad(format!("'{name}' is no plain file (tar type {kind})")));
            }
        }
        at = start + size.next_multiple_of(BLOCK);
    }
    let missing: Vec<&str> = ["storages", "tensors", "pickle", "sys_info"]
        .into_iter()
        .filter(|name| found.slot(name).is_some_and(|range| *range == (0..0)))
        .collect();
    match missing.len() {
        0 => Ok(found),
        4 => Err(other_archive(path, &names)),
        _ => Err(bad(format!("it lacks the members {}", missing.join(", ")))),
    }
}

impl Members {
    fn slot(&mut self, name: &str) -> Option<&mut Range<usize>> {
        Some(match name {
            "sys_info" => &mut self.sys_info,
            "storages" => &mut self.storages,
            "tensors" => &mut self.tensors,
            "pickle" => &mut self.pickle,
            _ => return None,
        })
    }
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|&b| b == 0).next().unwrap_or_default()
}

/// An octal size; the binary form, for more than 8 GB, is not used by checkpoints.
fn size(field: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(until_nul(field)).ok()?.trim();
    usize::from_str_radix(text, 8).ok()
}

fn other_archive(path: &Path, names: &[String]) -> WeightsError {
    let inner = names.iter().find(|name| {
        [".pth", ".pth.tar", ".pt", ".safetensors", ".caffemodel"]
            .iter()
            .any(|e| name.ends_with(e))
    });
    let (found, advice) = match (inner, names.first()) {
        (Some(inner), _) => (
            "a tar archive around a checkpoint",
            format!("Unpack it and give the file inside: {inner}"),
        ),
        (None, Some(first)) => (
            "a tar archive of something else",
            format!("It starts with: {first}"),
        ),
        (None, None) => (
            "a tar archive of something else",
            "It is empty.".to_string(),
        ),
    };
    not_a_checkpoint(path, found, &advice)
}
