//! Clips that are no file or directory of their own: in an archive, or behind an address.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tempfile::TempPath;

use super::address::Address;
use super::error::{ClipError, Result};
use super::reading::read_error;

/// Where a clip is that is no file or directory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// A video in an archive.
    Video(Part),
    /// Frames in an archive.
    Frames {
        /// The folder that they are in.
        folder: PathBuf,
        /// In no order.
        frames: Arc<[StoredFrame]>,
    },
    /// A video behind an address.
    Address(Address),
    /// What cannot be read, for this reason.
    Unreadable(Arc<str>),
}

/// A frame in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFrame {
    /// Its name, without folders.
    pub(super) name: OsString,
    pub(super) part: Part,
}

/// Some of the bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub(super) holder: Arc<Holder>,
    pub(super) start: u64,
    pub(super) length: u64,
}

/// A file that holds clips.
#[derive(Debug)]
pub struct Holder {
    path: PathBuf,
    /// Its size and the time of its last change when its parts were found.
    stamp: Option<(u64, SystemTime)>,
    /// Removes the file when the last part is gone.
    _temporary: Option<TempPath>,
}

impl Holder {
    /// The open file at a path.
    pub(super) fn of(path: &Path, file: &File) -> io::Result<Self> {
        Ok(Holder {
            path: path.to_path_buf(),
            stamp: Some(stamp(&file.metadata()?)?),
            _temporary: None,
        })
    }

    /// A file that is removed with the last of its parts.
    pub(super) fn temporary(path: TempPath) -> Self {
        Holder {
            path: path.to_path_buf(),
            stamp: None,
            _temporary: Some(path),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// By where they are.
impl PartialEq for Holder {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, self.stamp) == (&other.path, other.stamp)
    }
}

impl Eq for Holder {}

impl Part {
    /// Opens the file where the part begins, unless the file is another one than that in which the part was found. `name` is what
    /// errors call the part.
    pub(super) fn open(&self, name: &Path) -> Result<File> {
        let holder = &*self.holder;
        let failed = |error| read_error(&holder.path, error);
        let mut file = File::open(&holder.path).map_err(failed)?;
        if let Some(known) = holder.stamp {
            let now = file.metadata().and_then(|metadata| stamp(&metadata));
            if now.map_err(failed)? != known {
                return Err(ClipError::Archive {
                    path: name.to_path_buf(),
                    reason: format!(
                        "{} has changed since its clips were found",
                        holder.path.display()
                    ),
                });
            }
        }
        file.seek(SeekFrom::Start(self.start)).map_err(failed)?;
        Ok(file)
    }

    /// Its bytes; at most `most` of them.
    pub(super) fn read(&self, name: &Path, most: u64) -> Result<Vec<u8>> {
        if self.length > most {
            return Err(ClipError::TooLarge {
                path: name.to_path_buf(),
                reason: format!("{} bytes, and at most {most} are read", self.length),
            });
        }
        let mut bytes = Vec::with_capacity(self.length as usize);
        let mut file = self.open(name)?.take(self.length);
        let read = file.read_to_end(&mut bytes);
        read.map_err(|error| read_error(&self.holder.path, error))?;
        if (bytes.len() as u64) < self.length {
            return Err(ClipError::Truncated {
                path: name.to_path_buf(),
                reason: format!("{} ends before it", self.holder.path.display()),
            });
        }
        Ok(bytes)
    }
}

fn stamp(metadata: &fs::Metadata) -> io::Result<(u64, SystemTime)> {
    Ok((metadata.len(), metadata.modified()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_file_that_has_changed_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "0123456789").unwrap();
        let part = |start, length| Part {
            holder: Arc::new(Holder::of(&path, &File::open(&path).unwrap()).unwrap()),
            start,
            length,
        };
        let name = Path::new("a/b");
        let inside = part(2, 3);
        assert_eq!(inside.read(name, 3).unwrap(), b"234");
        let too_large = inside.read(name, 2).unwrap_err();
        assert!(matches!(too_large, ClipError::TooLarge { .. }));
        let past_end = part(8, 3).read(name, 9).unwrap_err();
        assert!(matches!(past_end, ClipError::Truncated { .. }));
        fs::write(&path, "0123456789a").unwrap();
        let changed = inside.read(name, 3).unwrap_err();
        assert!(changed.to_string().contains("has changed"), "{changed}");
    }

    #[test]
    fn a_temporary_file_goes_with_its_last_part() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let kept = path.to_path_buf();
        fs::write(&path, "abc").unwrap();
        let part = Part {
            holder: Arc::new(Holder::temporary(path)),
            start: 1,
            length: 1,
        };
        let other = part.clone();
        drop(part);
        assert_eq!(other.read(Path::new("b"), 9).unwrap(), b"b");
        drop(other);
        assert!(!kept.exists());
    }
}
