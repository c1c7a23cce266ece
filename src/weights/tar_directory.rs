//! What a tar archive holds, judged by its headers before the reader sees it.

use std::path::Path;

use super::container::Container;
use super::error::WeightsError;
use super::foreign::not_a_checkpoint;
use super::names::printable;

/// Size of a header and of the blocks that data is padded to.
const BLOCK: usize = 512;
/// Most members that are looked at; a checkpoint has four.
const MAX_MEMBERS: usize = 1000;

/// The members of a checkpoint.
#[derive(Debug, Default)]
pub(super) struct Members<'a> {
    pub sys_info: &'a [u8],
    pub storages: &'a [u8],
    pub tensors: &'a [u8],
    pub pickle: &'a [u8],
}

/// Finds the four members of a tar checkpoint in the bytes of the file.
///
/// # Errors
/// [`WeightsError::NotACheckpoint`] for a tar of something else; [`WeightsError::Unreadable`] for
/// members that are no plain files, that lie about their size, or that are cut off.
pub(super) fn members<'a>(path: &Path, archive: &'a [u8]) -> Result<Members<'a>, WeightsError> {
    let bad = |reason: String| WeightsError::unreadable(path, Container::Tar.describe(), reason);
    let mut found = Members::default();
    let mut names: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(header) = archive.get(at..at + BLOCK) {
        if header.iter().all(|&b| b == 0) {
            break;
        }
        let name = printable(&String::from_utf8_lossy(until_nul(&header[..100])));
        let size = size(&header[124..136]).ok_or_else(|| bad(format!("'{name}' has no size")))?;
        let start = at + BLOCK;
        let data = start
            .checked_add(size)
            .and_then(|end| archive.get(start..end))
            .ok_or_else(|| bad(format!("'{name}' is cut off: the archive is incomplete")))?;
        match header[156] {
            // An old, a regular, a contiguous file.
            0 | b'0' | b'7' => {
                let name = name.trim_start_matches("./");
                let slot = match name {
                    "sys_info" => Some(&mut found.sys_info),
                    "storages" => Some(&mut found.storages),
                    "tensors" => Some(&mut found.tensors),
                    "pickle" => Some(&mut found.pickle),
                    _ => None,
                };
                if let Some(slot) = slot {
                    if !slot.is_empty() {
                        return Err(bad(format!("it holds two members called '{name}'")));
                    }
                    *slot = data;
                }
                names.push(name.to_string());
            }
            b'5' => {}
            // Extended headers may carry anything but a size or a sparse map for the next member.
            b'x' | b'g' => {
                let lies = |key: &[u8]| data.windows(key.len()).any(|window| window == key);
                if lies(b"GNU.sparse") || lies(b" size=") {
                    return Err(bad(
                        "a member's size is given twice, or it is sparse".to_string()
                    ));
                }
            }
            kind => {
                let kind = char::from(kind).escape_default();
                return Err(bad(format!("'{name}' is no plain file (tar type {kind})")));
            }
        }
        if names.len() > MAX_MEMBERS {
            break;
        }
        at = start + size.next_multiple_of(BLOCK);
    }
    let missing: Vec<&str> = [
        ("storages", found.storages),
        ("tensors", found.tensors),
        ("pickle", found.pickle),
        ("sys_info", found.sys_info),
    ]
    .into_iter()
    .filter(|(_, data)| data.is_empty())
    .map(|(name, _)| name)
    .collect();
    if missing.is_empty() {
        return Ok(found);
    }
    if missing.len() < 4 {
        return Err(bad(format!("it lacks the members {}", missing.join(", "))));
    }
    Err(other_archive(path, &names))
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
    match inner {
        Some(inner) => not_a_checkpoint(
            path,
            "a tar archive around a checkpoint",
            &format!("Unpack it and give the file inside: {}", printable(inner)),
        ),
        None => not_a_checkpoint(
            path,
            "a tar archive of something else",
            &match names.first() {
                Some(first) => format!("It starts with: {}", printable(first)),
                None => "It is empty.".to_string(),
            },
        ),
    }
}
