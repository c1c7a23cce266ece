//! Whether a clip is still the one that was looked at.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::entry::ClipEntry;
use super::error::Result;
use super::frame_dir::FrameDir;
use super::opened::OpenOptions;
use super::reading::read_error;

/// A hash of where a clip lies and of the size and the time of its files: it changes when the clip does. Nothing is decoded.
///
/// # Errors
/// A clip that is not there, or a directory that is none.
pub fn identity(entry: &ClipEntry, options: &OpenOptions) -> Result<[u8; 32]> {
    let path = &entry.path;
    let place = fs::canonicalize(path).map_err(|error| read_error(path, error))?;
    let mut hash = Sha256::new();
    add(&mut hash, place.as_os_str().as_encoded_bytes());
    if !place.is_dir() {
        add(&mut hash, &stamp(path)?);
        return Ok(hash.finalize().into());
    }
    let listed;
    let listed = match &entry.frames {
        Some(listed) => listed.as_ref(),
        None => {
            listed = FrameDir::list_matching(path, options.frames.as_ref())?;
            &listed
        }
    };
    let stamps: Vec<[u8; 24]> = listed
        .frames
        .par_iter()
        .map(|frame| stamp(frame))
        .collect::<Result<_>>()?;
    for (frame, stamp) in listed.frames.iter().zip(stamps) {
        add(
            &mut hash,
            frame.file_name().unwrap_or_default().as_encoded_bytes(),
        );
        add(&mut hash, &stamp);
    }
    Ok(hash.finalize().into())
}

/// Length and bytes, so that no two lists of parts are the same.
fn add(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

/// Size in bytes, and time of the last change in nanoseconds.
fn stamp(path: &Path) -> Result<[u8; 24]> {
    let metadata = fs::metadata(path).map_err(|error| read_error(path, error))?;
    let changed = metadata.modified().ok();
    let since = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
    let mut stamp = [0; 24];
    stamp[..8].copy_from_slice(&metadata.len().to_le_bytes());
    stamp[8..].copy_from_slice(&since.map_or(0, |since| since.as_nanos()).to_le_bytes());
    Ok(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_that_changes_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let clip = folder.path().join("clip");
        fs::create_dir(&clip).unwrap();
        let frame = |number: usize| clip.join(format!("img_{number}.jpg"));
        (1..4).for_each(|number| fs::write(frame(number), "abc").unwrap());
        let entry = ClipEntry::from(clip.clone());
        let now = || identity(&entry, &OpenOptions::default()).unwrap();
        let first = now();
        assert_eq!(now(), first);
        fs::write(frame(2), "abcd").unwrap();
        let second = now();
        assert_ne!(second, first);
        fs::rename(frame(3), frame(4)).unwrap();
        assert_ne!(now(), second);
        // What is no frame is no part of the clip.
        let third = now();
        fs::write(clip.join("notes.txt"), "x").unwrap();
        assert_eq!(now(), third);
        fs::remove_dir_all(&clip).unwrap();
        assert!(identity(&entry, &OpenOptions::default()).is_err());
    }
}
