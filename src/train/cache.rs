//! Features on disk, so that no clip goes through the network twice.
//!
//! One file per combination of weights and settings. It begins with a line that names the format and a line of JSON with
//! the settings. Then come records of one size, which are only ever added:
//!
//! | bytes | what |
//! |---|---|
//! | 32 | SHA-256 of the clip's identity and the view |
//! | 4 per feature | the features, float32, little-endian |
//! | 4 | CRC-32C of all that |
//!
//! A run that is stopped leaves at most one record that is cut off; the next one writes over it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

const FORMAT: &str = "eco features 1";
const KEY: usize = 32;
const CHECK: usize = 4;

/// Why features cannot be kept.
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

/// Features that are known, and a file to add others to.
pub struct FeatureCache {
    path: PathBuf,
    file: File,
    known: HashMap<[u8; KEY], Vec<f32>>,
    features: usize,
}

impl FeatureCache {
    /// Opens the file for `settings` in `directory`, or begins it. `features` is how many values there are per clip.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn open(
        directory: &Path,
        settings: &BTreeMap<String, String>,
        features: usize,
    ) -> Result<Self, CacheError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| CacheError::Io { path, source }
        };
        fs::create_dir_all(directory).map_err(failed(directory))?;
        let settings = serde_json::json!(settings).to_string();
        let head = format!("{FORMAT}\n{settings}\n");
        let name: String = Sha256::digest(&head)[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let path = directory.join(format!("features-{name}.bin"));
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(failed(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CacheError::InUse { path }),
            // File systems without locks: two runs at once may lose features, which only costs time.
            Err(TryLockError::Error(_)) => {}
        }
        let known = read(&mut file, &head, features).map_err(failed(&path))?;
        Ok(Self {
            path,
            file,
            known,
            features,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The features of a view of the clip with this identity.
    pub fn get(&self, clip: &[u8; 32], view: u64) -> Option<&[f32]> {
        self.known.get(&key(clip, view)).map(Vec::as_slice)
    }

    /// Adds the features of a view.
    ///
    /// # Errors
    /// [`CacheError::Io`].
    pub fn add(&mut self, clip: &[u8; 32], view: u64, values: &[f32]) -> Result<(), CacheError> {
        debug_assert_eq!(values.len(), self.features);
        let key = key(clip, view);
        let mut record = key.to_vec();
        record.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let check = crc32c::crc32c(&record);
        record.extend(check.to_le_bytes());
        self.file
            .write_all(&record)
            .map_err(|source| CacheError::Io {
                path: self.path.clone(),
                source,
            })?;
        self.known.insert(key, values.to_vec());
        Ok(())
    }
}

fn key(clip: &[u8; 32], view: u64) -> [u8; KEY] {
    let mut hash = Sha256::new();
    hash.update(clip);
    hash.update(view.to_le_bytes());
    hash.finalize().into()
}

/// The records that are whole. The file's position is after the last of them; a file that begins otherwise is begun anew.
fn read(file: &mut File, head: &str, features: usize) -> io::Result<HashMap<[u8; KEY], Vec<f32>>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let mut known = HashMap::new();
    let Some(records) = bytes.strip_prefix(head.as_bytes()) else {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(head.as_bytes())?;
        return Ok(known);
    };
    let size = KEY + features * size_of::<f32>() + CHECK;
    let mut whole = head.len();
    for record in records.chunks_exact(size) {
        let (content, check) = record.split_at(size - CHECK);
        if crc32c::crc32c(content).to_le_bytes() != check {
            break;
        }
        let (key, values) = content.split_at(KEY);
        let values = values.as_chunks().0.iter();
        let values = values.map(|&value| f32::from_le_bytes(value)).collect();
        known.insert(key.try_into().unwrap_or_default(), values);
        whole += size;
    }
    file.set_len(whole as u64)?;
    file.seek(SeekFrom::Start(whole as u64))?;
    Ok(known)
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
        let open = |segments| FeatureCache::open(folder.path(), &settings(segments), 3).unwrap();
        let mut cache = open("16");
        cache.add(&[1; 32], 0, &[1.0, -2.5, f32::MIN]).unwrap();
        cache.add(&[1; 32], 1, &[4.0; 3]).unwrap();
        drop(cache);
        let cache = open("16");
        assert_eq!(cache.get(&[1; 32], 0), Some(&[1.0, -2.5, f32::MIN][..]));
        assert_eq!(cache.get(&[1; 32], 1), Some(&[4.0; 3][..]));
        assert_eq!(cache.get(&[2; 32], 0), None);
        assert_eq!(open("8").get(&[1; 32], 0), None);
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let open = || FeatureCache::open(folder.path(), &settings("16"), 2).unwrap();
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
                .filter(|&clip| cache.get(&[clip; 32], 0).is_some())
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
        let cache = open();
        assert!(cache.get(&[1; 32], 0).is_some() && cache.get(&[2; 32], 0).is_none());
    }

    #[test]
    fn two_runs_do_not_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let _first = FeatureCache::open(folder.path(), &settings("16"), 2).unwrap();
        let second = FeatureCache::open(folder.path(), &settings("16"), 2);
        assert!(matches!(second, Err(CacheError::InUse { .. })));
    }
}
