//! Whether a clip is still the one that was looked at.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::entry::ClipEntry;
use super::error::{ClipError, Result};
use super::frame_dir::FrameDir;
use super::opened::OpenOptions;
use super::reading::read_error;
use super::stored::{Part, Stored};

/// A hash of where a clip lies and of the size and the time of its files: it changes when the clip does. Nothing is decoded.
///
/// # Errors
/// A clip that is not there, or a directory that is none.
pub fn identity(entry: &ClipEntry, options: &OpenOptions) -> Result<[u8; 32]> {
    let path = &entry.path;
    if let Some(stored) = &entry.stored {
        return stored_identity(path, stored);
    }
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

/// The same of a clip in an archive: of its name, of the archive's place, size and time, and of where its bytes are.
fn stored_identity(path: &Path, stored: &Stored) -> Result<[u8; 32]> {
    let mut hash = Sha256::new();
    add(&mut hash, path.as_os_str().as_encoded_bytes());
    let mut part = |part: &Part| {
        let holder = part.holder.path();
        let place = fs::canonicalize(holder).map_err(|error| read_error(holder, error))?;
        add(&mut hash, place.as_os_str().as_encoded_bytes());
        add(&mut hash, &stamp(holder)?);
        add(&mut hash, &part.start.to_le_bytes());
        add(&mut hash, &part.length.to_le_bytes());
        Ok(())
    };
    match stored {
        Stored::Video(video) => part(video)?,
        Stored::Frames { frames, .. } => frames.iter().try_for_each(|frame| part(&frame.part))?,
        Stored::Address(_) | Stored::Unreadable(_) => {
            return Err(ClipError::NotAClip {
                path: path.to_path_buf(),
            });
        }
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
    use crate::clip::archive::clips_of;

    #[test]
    fn a_clip_in_an_archive_that_changes_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        let write = |bytes: &[u8]| {
            let mut builder = tar::Builder::new(fs::File::create(&path).unwrap());
            for name in ["a.mp4", "b/1.jpg", "b/2.jpg"] {
                let mut header = tar::Header::new_gnu();
                header.set_size(bytes.len() as u64);
                builder.append_data(&mut header, name, bytes).unwrap();
            }
            builder.finish().unwrap();
        };
        let all = || -> Vec<[u8; 32]> {
            let clips = clips_of(path.clone().into(), |_| {});
            let options = OpenOptions::default();
            clips
                .map(|clip| identity(&clip, &options).unwrap())
                .collect()
        };
        write(b"abc");
        let first = all();
        assert_eq!(all(), first);
        assert_eq!(first.len(), 2);
        assert_ne!(first[0], first[1]);
        write(&[7; 600]);
        let second = all();
        assert!(!second.iter().any(|identity| first.contains(identity)));
        let address = ClipEntry::named("https://host/a.mp4".into());
        assert!(identity(&address, &OpenOptions::default()).is_err());
    }

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
