//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

/// Why an output file was not made.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The extension names no known format.
    #[error("{path} should end in {known}", path = path.display())]
    Extension {
        /// The file.
        path: PathBuf,
        /// The extensions that are known, in words.
        known: &'static str,
    },
    /// The file cannot be created there.
    #[error("cannot create {path}", path = path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The content cannot be written. An earlier file is unchanged.
    #[error("cannot write {path}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Bytes that may be written in a directory, where the system tells.
#[cfg(unix)]
pub fn free_space(directory: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(directory).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

/// Bytes that may be written in a directory, where the system tells.
#[cfg(not(unix))]
pub fn free_space(_: &Path) -> Option<u64> {
    None
}

/// Where a path leads, links resolved. Of one that is not there, or that leads into a file, as into an archive, as much as there
/// is.
pub fn real_path(path: &Path) -> PathBuf {
    let mut rest = path.ancestors();
    let found = rest.find_map(|part| {
        let part_or_here = match part.as_os_str().is_empty() {
            true => Path::new("."),
            false => part,
        };
        let real = fs::canonicalize(part_or_here).ok()?;
        Some(match path.strip_prefix(part).ok()? {
            rest if rest.as_os_str().is_empty() => real,
            rest => real.join(rest),
        })
    });
    found.unwrap_or_else(|| path.to_owned())
}

/// A file that is written under a temporary name beside its target and renamed when it is complete. Readers never see half of
/// it, and an earlier file stays until then. Terminals, pipes and devices are written directly, because renaming would replace
/// them.
#[derive(Debug)]
pub struct NewFile {
    /// The name that the caller gave.
    path: PathBuf,
    /// What that name leads to.
    target: PathBuf,
    file: BufWriter<File>,
    /// The name until then; `None` when the target is written directly.
    temporary: Option<TempPath>,
}

impl NewFile {
    /// Opens the file for writing. Called before the work, it finds out early that nothing can be written there.
    ///
    /// # Errors
    /// [`FileError::Create`] when the folder is missing or not writable, or `path` is a folder.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let failed = |source| FileError::Create {
            path: path.to_owned(),
            source,
        };
        // A link stays a link: what it leads to is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (file, temporary) = match fs::metadata(&target) {
            Ok(data) if data.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(data) if !data.is_file() => File::create(&target).map(|file| (file, None)),
            Ok(data) => temporary(&target).and_then(|(file, name)| {
                file.set_permissions(data.permissions())?;
                Ok((file, Some(name)))
            }),
            Err(_) => temporary(&target).map(|(file, name)| (file, Some(name))),
        }
        .map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            target,
            file: BufWriter::new(file),
            temporary,
        })
    }

    /// The file that will appear, by the name that the caller gave.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes out what is buffered, puts the file in its place and returns its size in bytes.
    ///
    /// # Errors
    /// [`FileError::Write`] when the disk is full or the file cannot be renamed.
    pub fn finish(mut self) -> Result<u64, FileError> {
        let (target, temporary) = (&self.target, self.temporary.take());
        let file = &mut self.file;
        let done = || {
            file.flush()?;
            let bytes = file.get_ref().metadata()?.len();
            if let Some(name) = temporary {
                name.persist(target).map_err(|error| error.error)?;
            }
            Ok(bytes)
        };
        done().map_err(|source| self.failed(source))
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
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file that another program writes, under a temporary name of the same extension beside its target, and that is renamed when
/// it is complete.
#[derive(Debug)]
pub struct NewPath {
    path: PathBuf,
    target: PathBuf,
    temporary: TempPath,
}

impl NewPath {
    /// Reserves a temporary name.
    ///
    /// # Errors
    /// [`FileError::Create`] when the folder is missing or not writable, or `path` is no file.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let failed = |source| FileError::Create {
            path: path.to_owned(),
            source,
        };
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if fs::metadata(&target).is_ok_and(|data| !data.is_file()) {
            let reason = "it is there and is no file";
            return Err(failed(io::Error::other(reason)));
        }
        let extension = path.extension().unwrap_or_default();
        let suffix = format!(".{}", extension.to_string_lossy());
        let made = tempfile::Builder::new()
            .prefix(".eco-")
            .suffix(&suffix)
            .make_in(folder(&target), |path| File::create_new(path))
            .map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            target,
            temporary: made.into_temp_path(),
        })
    }

    /// The file that will appear, by the name that the caller gave.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the program is to write.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// [`FileError::Write`] when it cannot be renamed.
    pub fn finish(self) -> Result<(), FileError> {
        let path = self.path;
        self.temporary
            .persist(&self.target)
            .map_err(|error| FileError::Write {
                path,
                source: error.error,
            })
    }
}

/// Writes a whole file.
///
/// # Errors
/// Those of [`NewFile::create`] and [`NewFile::finish`]; the file is then as it was.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut file = NewFile::create(path)?;
    file.write_all(bytes).map_err(|error| file.failed(error))?;
    file.finish().map(drop)
}

/// An unnamed temporary file for data that should not fill memory. It is beside `path` if possible, else in the system's folder
/// for temporary files, and is deleted when it is closed.
///
/// # Errors
/// [`FileError::Create`], which names `path`.
pub fn scratch(path: &Path) -> Result<BufWriter<File>, FileError> {
    tempfile::tempfile_in(folder(path))
        .or_else(|_| tempfile::tempfile())
        .map(BufWriter::new)
        .map_err(|error| FileError::Create {
            path: path.to_owned(),
            // The error itself names a file that the user has never heard of.
            source: error.kind().into(),
        })
}

fn temporary(target: &Path) -> io::Result<(File, TempPath)> {
    // Unlike `tempfile_in`, this gives the file the permissions of any new file, and errors that don't name it.
    tempfile::Builder::new()
        .prefix(".eco-")
        .suffix(".tmp")
        .make_in(folder(target), |path| File::create_new(path))
        .map(tempfile::NamedTempFile::into_parts)
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
    fn a_file_of_another_program_keeps_its_extension_until_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.mp4");
        let new = NewPath::create(&path).unwrap();
        assert_eq!(new.temporary().extension(), path.extension());
        fs::write(new.temporary(), "video").unwrap();
        assert!(!path.exists());
        new.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "video");
        drop(NewPath::create(&path).unwrap());
        assert_eq!(names(folder.path()), ["out.mp4"]);
        let error = NewPath::create(folder.path()).unwrap_err();
        assert!(matches!(error, FileError::Create { .. }), "{error:?}");
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
    fn links_of_either_kind_lead_to_the_same_file() {
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

    #[cfg(unix)]
    #[test]
    fn a_new_file_has_the_permissions_of_the_one_it_replaces() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("private");
        write(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o640
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn errors_name_the_file_that_was_asked_for_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none/out.html");
        let messages = [NewFile::create(&path).err(), scratch(&path).err()]
            .into_iter()
            .flatten()
            .chain(write(Path::new("/dev/full"), b"x").err())
            .map(|error| format!("{error}: {}", std::error::Error::source(&error).unwrap()));
        for message in messages {
            let named = message.contains("out.html") || message.contains("/dev/full");
            assert!(named && !message.contains(".eco-"), "{message}");
        }
    }
}
