//! What the network makes of clips, on disk, so that no view of a clip goes through it twice.
//!
//! One file per combination of weights and settings. It begins with a line that names the format and a line of JSON with
//! the settings. Then come records of one size:
//!
//! | bytes | what |
//! |---|---|
//! | 32 | SHA-256 of the clip's identity and the view |
//! | 4 per value | the values, float32, little-endian |
//! | 4 | CRC-32C of all that |
//!
//! A run that is stopped leaves at most one record that is cut off; the next one writes over it. A record is read, and its
//! checksum compared, when it is asked for; one that is damaged is not found, and written anew in its place.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

const KEY: usize = 32;
const CHECK: usize = 4;

/// Why values cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Another run is writing the same file.
    #[error("another run is using {}", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file, or its directory.
        path: PathBuf,
        /// What the system reports.
        source: io::Error,
    },
}

/// What is kept of each view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// What the head reads.
    Features,
    /// What the last stage reads.
    Maps,
}

impl Kept {
    fn name(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Maps => "maps",
        }
    }
}

/// Values of views of clips in a file, to which others are added.
pub struct ViewCache {
    path: PathBuf,
    file: File,
    /// Where the record of a key begins.
    places: HashMap<[u8; KEY], u64>,
    /// Where the next record goes.
    end: u64,
    values: usize,
}

impl ViewCache {
    /// Opens the file for `settings` in `directory`, or begins it. `values` is how many there are of each view.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn open(
        directory: &Path,
        kept: Kept,
        settings: &BTreeMap<String, String>,
        values: usize,
    ) -> Result<Self, CacheError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| CacheError::Io { path, source }
        };
        fs::create_dir_all(directory).map_err(failed(directory))?;
        let settings = serde_json::json!(settings).to_string();
        let head = format!("eco {} 1\n{settings}\n", kept.name());
        let hash: String = Sha256::digest(&head)[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let path = directory.join(format!("{}-{hash}.bin", kept.name()));
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(failed(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CacheError::InUse { path }),
            // File systems without locks: two runs at once may lose values, which only costs time.
            Err(TryLockError::Error(_)) => {}
        }
        let (places, end) = find(&mut file, &head, size(values)).map_err(failed(&path))?;
        Ok(Self {
            path,
            file,
            places,
            end,
            values,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that a view takes.
    pub fn bytes_per_view(values: usize) -> u64 {
        size(values) as u64
    }

    /// Whether there is a record of a view. It may yet be damaged.
    pub fn has(&self, clip: &[u8; 32], view: u64) -> bool {
        self.places.contains_key(&key(clip, view))
    }

    /// The values of a view of the clip with this identity; `None` where there are none, or none that are as they were
    /// written.
    ///
    /// # Errors
    /// [`CacheError::Io`].
    pub fn get(&mut self, clip: &[u8; 32], view: u64) -> Result<Option<Vec<f32>>, CacheError> {
        let key = key(clip, view);
        let Some(&place) = self.places.get(&key) else {
            return Ok(None);
        };
        let mut record = vec![0; size(self.values)];
        let read = self.file.seek(SeekFrom::Start(place));
        read.and_then(|_| self.file.read_exact(&mut record))
            .map_err(|source| self.failed(source))?;
        let (content, check) = record.split_at(record.len() - CHECK);
        if crc32c::crc32c(content).to_le_bytes() != check || content[..KEY] != key {
            return Ok(None);
        }
        let values = content[KEY..].as_chunks().0.iter();
        Ok(Some(
            values.map(|&value| f32::from_le_bytes(value)).collect(),
        ))
    }

    /// Adds the values of a view, or writes them where a damaged record is.
    ///
    /// # Errors
    /// [`CacheError::Io`]; what was there before is as it was.
    pub fn add(&mut self, clip: &[u8; 32], view: u64, values: &[f32]) -> Result<(), CacheError> {
        debug_assert_eq!(values.len(), self.values);
        let key = key(clip, view);
        let mut record = key.to_vec();
        record.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let check = crc32c::crc32c(&record);
        record.extend(check.to_le_bytes());
        let place = self.places.get(&key).copied().unwrap_or(self.end);
        let written = self.file.seek(SeekFrom::Start(place));
        written
            .and_then(|_| self.file.write_all(&record))
            .map_err(|source| self.failed(source))?;
        self.places.insert(key, place);
        self.end = self.end.max(place + record.len() as u64);
        Ok(())
    }

    /// Removes the file. An error leaves it, which costs space alone.
    pub fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }

    fn failed(&self, source: io::Error) -> CacheError {
        CacheError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

/// Bytes of a record.
fn size(values: usize) -> usize {
    KEY + values * size_of::<f32>() + CHECK
}

fn key(clip: &[u8; 32], view: u64) -> [u8; KEY] {
    let mut hash = Sha256::new();
    hash.update(clip);
    hash.update(view.to_le_bytes());
    hash.finalize().into()
}

/// Where each record of `size` bytes begins, and where the last one ends. What follows is cut off; a file that begins otherwise
/// is begun anew.
fn find(file: &mut File, head: &str, size: usize) -> io::Result<(HashMap<[u8; KEY], u64>, u64)> {
    let mut found = vec![0; head.len()];
    let begins = match file.read_exact(&mut found) {
        Ok(()) => found == head.as_bytes(),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
        Err(error) => return Err(error),
    };
    let mut places = HashMap::new();
    let (first, size) = (head.len() as u64, size as u64);
    if !begins {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(head.as_bytes())?;
        return Ok((places, first));
    }
    let count = (file.metadata()?.len() - first) / size;
    for place in (0..count).map(|record| first + record * size) {
        let mut key = [0; KEY];
        file.seek(SeekFrom::Start(place))?;
        file.read_exact(&mut key)?;
        places.insert(key, place);
    }
    let end = first + count * size;
    file.set_len(end)?;
    Ok((places, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(segments: &str) -> BTreeMap<String, String> {
        [("segments".to_owned(), segments.to_owned())].into()
    }

    #[test]
    fn features_are_found_again_for_the_same_clip_view_and_settings() {
        let folder = tempfile::tempdir().unwrap();
        let open = |segments| {
            ViewCache::open(folder.path(), Kept::Features, &settings(segments), 3).unwrap()
        };
        let mut cache = open("16");
        cache.add(&[1; 32], 0, &[1.0, -2.5, f32::MIN]).unwrap();
        cache.add(&[1; 32], 1, &[4.0; 3]).unwrap();
        drop(cache);
        let mut cache = open("16");
        let mut get = |clip, view| cache.get(&[clip; 32], view).unwrap();
        assert_eq!(get(1, 0), Some(vec![1.0, -2.5, f32::MIN]));
        assert_eq!(get(1, 1), Some(vec![4.0; 3]));
        assert_eq!(get(2, 0), None);
        assert_eq!(open("8").get(&[1; 32], 0).unwrap(), None);
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let open = || ViewCache::open(folder.path(), Kept::Features, &settings("16"), 2).unwrap();
        let mut cache = open();
        let path = cache.path().to_owned();
        for clip in 0..3 {
            cache.add(&[clip; 32], 0, &[f32::from(clip); 2]).unwrap();
        }
        drop(cache);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let mut cache = open();
            let known = (0..3)
                .filter(|&clip| cache.get(&[clip; 32], 0).unwrap().is_some())
                .count();
            assert!(known < 3, "{length}");
            for clip in known as u8..3 {
                cache.add(&[clip; 32], 0, &[f32::from(clip); 2]).unwrap();
            }
            drop(cache);
            assert_eq!(fs::read(&path).unwrap(), whole, "{length}");
        }
        let mut damaged = whole.clone();
        *damaged.last_mut().unwrap() ^= 1;
        fs::write(&path, damaged).unwrap();
        let mut cache = open();
        let mut get = |clip| cache.get(&[clip; 32], 0).unwrap();
        assert!(get(1).is_some() && get(2).is_none());
        cache.add(&[2; 32], 0, &[2.0; 2]).unwrap();
        drop(cache);
        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn two_runs_do_not_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let _first = ViewCache::open(folder.path(), Kept::Features, &settings("16"), 2).unwrap();
        let second = ViewCache::open(folder.path(), Kept::Features, &settings("16"), 2);
        assert!(matches!(second, Err(CacheError::InUse { .. })));
    }
}
