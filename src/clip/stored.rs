//! Clips that are no file or directory of their own: in an archive, or behind an address.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use tempfile::{NamedTempFile, TempPath};

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
    _temporary: Option<Temporary>,
    /// Tells temporary files apart that have the same path, one after the other.
    serial: u64,
}

/// A file for what is needed for a while. On Linux it is in no folder, so that it goes with this process, however that ends.
#[derive(Debug)]
pub(super) struct Temporary {
    file: File,
    path: PathBuf,
    _named: Option<TempPath>,
}

impl Temporary {
    /// An empty file.
    ///
    /// # Errors
    /// Those of creating it.
    pub(super) fn new() -> io::Result<Self> {
        if let Some(nameless) = Self::nameless()? {
            return Ok(nameless);
        }
        let (file, path) = NamedTempFile::with_prefix("eco-")?.into_parts();
        Ok(Temporary {
            file,
            path: path.to_path_buf(),
            _named: Some(path),
        })
    }

    /// One that is found by way of this process, where the system shows its files.
    #[cfg(target_os = "linux")]
    fn nameless() -> io::Result<Option<Self>> {
        use std::os::fd::AsRawFd;
        let file = tempfile::tempfile()?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        let path = PathBuf::from(path);
        Ok(File::open(&path).is_ok().then_some(Temporary {
            file,
            path,
            _named: None,
        }))
    }

    #[cfg(not(target_os = "linux"))]
    fn nameless() -> io::Result<Option<Self>> {
        Ok(None)
    }
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Holder {
    /// The open file at a path.
    pub(super) fn of(path: &Path, file: &File) -> io::Result<Self> {
        Ok(Holder {
            path: path.to_path_buf(),
            stamp: Some(stamp(&file.metadata()?)?),
            _temporary: None,
            serial: 0,
        })
    }

    /// A file that is removed with the last of its parts.
    pub(super) fn temporary(file: Temporary) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        Holder {
            path: file.path.clone(),
            stamp: None,
            _temporary: Some(file),
            serial: COUNT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Its number, if it is a temporary file, else 0.
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// By where they are.
impl PartialEq for Holder {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, self.stamp, self.serial) == (&other.path, other.stamp, other.serial)
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
    fn a_temporary_file_is_there_while_a_part_is() {
        let holder = |text: &str| {
            let mut file = Temporary::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            Arc::new(Holder::temporary(file))
        };
        let part = |holder: &Arc<Holder>| Part {
            holder: Arc::clone(holder),
            start: 1,
            length: 1,
        };
        let (first, second) = (holder("abc"), holder("xyz"));
        // They may get the same path, one after the other.
        assert_ne!(first.serial(), second.serial());
        let kept = part(&first);
        drop(first);
        let other = kept.clone();
        drop(kept);
        assert_eq!(other.read(Path::new("b"), 9).unwrap(), b"b");
        assert_eq!(part(&second).read(Path::new("b"), 9).unwrap(), b"y");
    }
}
