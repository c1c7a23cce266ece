//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

/// Why an output file was not made.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The name does not say in which form to write.
    #[error("{path} should end in {known}", path = path.display())]
    Extension {
        /// The file.
        path: PathBuf,
        /// The extensions that are known, in words.
        known: &'static str,
    },
    /// Nothing can be made at that place.
    #[error("cannot create {path}", path = path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content cannot be written; nothing is left behind.
    #[error("cannot write {path}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A file written under another name beside its target and renamed when it is complete, so that a reader never sees half of
/// it and an earlier file stays until then. What is no regular file (a terminal, a pipe, `/dev/null`) is written directly:
/// renaming would replace it.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    /// The file and its name, apart: errors of the two together tell a name that means nothing to a user.
    Temporary(BufWriter<File>, TempPath),
    Direct(BufWriter<File>),
}

impl NewFile {
    /// Opens the file for writing, so that a place where nothing can be written is known before the work is done.
    ///
    /// # Errors
    /// [`FileError::Create`] when the folder is missing, is not writable, or `path` is a folder.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let failed = |source| FileError::Create {
            path: path.to_owned(),
            source,
        };
        // A link stays a link: what it leads to is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let sink = match fs::metadata(&target) {
            Ok(data) if data.is_dir() => {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            Ok(data) if !data.is_file() => {
                Sink::Direct(BufWriter::new(File::create(&target).map_err(failed)?))
            }
            _ => {
                let (file, name) = temporary(&target).map_err(failed)?;
                Sink::Temporary(BufWriter::new(file), name)
            }
        };
        Ok(Self { path: target, sink })
    }

    /// The file that will appear.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes out what is buffered and puts the file in its place.
    ///
    /// # Errors
    /// [`FileError::Write`] when the disk is full or the file cannot be renamed.
    pub fn finish(self) -> Result<(), FileError> {
        let path = self.path;
        let done = match self.sink {
            Sink::Direct(mut file) => file.flush(),
            Sink::Temporary(mut file, name) => file
                .flush()
                .and_then(|()| name.persist(&path).map_err(|error| error.error)),
        };
        done.map_err(|source| FileError::Write { path, source })
    }

    /// The error for a failed write to this file.
    pub fn failed(&self, source: io::Error) -> FileError {
        FileError::Write {
            path: self.path.clone(),
            source,
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Temporary(file, _) => file.write(bytes),
            Sink::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Temporary(file, _) => file.flush(),
            Sink::Direct(file) => file.flush(),
        }
    }
}

/// A new file beside `target`. Its errors do not tell its name.
fn temporary(target: &Path) -> io::Result<(File, TempPath)> {
    let mut builder = tempfile::Builder::new();
    // The permissions of any new file, less the umask; a temporary file would be the owner's alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    // Asked first, as the error below loses what the system said.
    fs::metadata(folder(target))?;
    let made = builder
        .prefix(".eco-")
        .suffix(".tmp")
        .tempfile_in(folder(target));
    // That error tells the name of the temporary file, which means nothing to a user.
    Ok(made.map_err(|error| error.kind())?.into_parts())
}

/// Whether two names lead to one file that exists, be it by links of either kind.
pub fn same_file(a: &Path, b: &Path) -> bool {
    match (fs::canonicalize(a), fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b || hard_linked(&a, &b),
        _ => false,
    }
}

#[cfg(unix)]
fn hard_linked(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn hard_linked(_: &Path, _: &Path) -> bool {
    false
}

/// The folder that `path` is in.
pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| name(entry).unwrap())
            .collect()
    }

    #[test]
    fn a_file_appears_only_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.html");
        fs::write(&path, "old").unwrap();
        let mut file = NewFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        file.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(folder.path()), ["out.html"]);
    }

    #[test]
    fn an_abandoned_file_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = NewFile::create(&folder.path().join("out.html")).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(names(folder.path()), [] as [&str; 0]);
    }

    #[test]
    fn a_missing_folder_is_known_before_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let error = NewFile::create(&folder.path().join("none/out.html")).unwrap_err();
        assert!(matches!(error, FileError::Create { .. }), "{error:?}");
        let error = NewFile::create(folder.path()).unwrap_err();
        assert!(matches!(error, FileError::Create { .. }), "{error:?}");
    }

    #[cfg(unix)]
    #[test]
    fn links_of_either_kind_are_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let [file, hard, soft, other] =
            ["file", "hard", "soft", "other"].map(|name| folder.path().join(name));
        fs::write(&file, "x").unwrap();
        fs::write(&other, "x").unwrap();
        fs::hard_link(&file, &hard).unwrap();
        std::os::unix::fs::symlink(&file, &soft).unwrap();
        assert!(same_file(&file, &hard) && same_file(&soft, &hard));
        assert!(!same_file(&file, &other) && !same_file(&file, &folder.path().join("none")));
    }

    #[test]
    fn no_error_tells_the_name_of_a_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = NewFile::create(&folder.path().join("none/out.html")).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            cause.contains("os error 2") && !cause.contains(".eco-"),
            "{cause}"
        );
        // The name cannot be taken from a folder that came to be there meanwhile.
        let path = folder.path().join("out.html");
        let file = NewFile::create(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let error = file.finish().unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(!cause.contains(".eco-"), "{cause}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        let mut file = NewFile::create(Path::new("/dev/full")).unwrap();
        let written = file.write_all(&[0; 100_000]);
        let error = match written {
            Ok(()) => file.finish().unwrap_err(),
            Err(error) => file.failed(error),
        };
        assert!(
            matches!(error, FileError::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull)
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_stays_a_device() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut new = NewFile::create(&link).unwrap();
        new.write_all(b"new").unwrap();
        new.finish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");

        let null = Path::new("/dev/null");
        NewFile::create(null).unwrap().finish().unwrap();
        assert!(!fs::metadata(null).unwrap().is_file());
    }
}
