//! The user's record of imported weights, and which of them are used.
//!
//! One file in the user's data directory names every import by its absolute path, with size, time and hash: a file that was
//! replaced by another since is not taken for the one that was imported.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::imported_file::ImportedFile;
use crate::file::{FileError, NewFile};
use crate::text::printable;

/// Name of the record in the user's data directory.
const FILE: &str = "imported.json";
/// Version of the record.
const FORMAT: u32 = 1;

/// Why the record of imports was not read, changed or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The record is not what this program writes.
    #[error("the record of imported weights, {path}, is damaged: {reason}", path = path.display())]
    Damaged {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read.
    #[error("cannot read {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The record cannot be written; it is as it was.
    #[error(transparent)]
    Write(#[from] FileError),
    /// No weights of that name have been imported.
    #[error("no weights called '{name}' have been imported{known}", name = printable(name), known = among(known))]
    NoSuchName {
        /// The name.
        name: String,
        /// Names of what has been imported.
        known: Vec<String>,
    },
    /// Several imports have that name.
    #[error("several imports are called '{name}': {paths}; give the path of one", name = printable(name), paths = paths.join(", "))]
    SeveralOfThatName {
        /// The name.
        name: String,
        /// Their paths.
        paths: Vec<String>,
    },
}

fn among(known: &[String]) -> String {
    match known {
        [] => ", nor any others".to_string(),
        known => format!("; there are {}", known.join(", ")),
    }
}

/// Why these of the imported weights are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// They were imported last.
    #[default]
    ImportedLast,
    /// The user chose them.
    Chosen,
}

/// All imports of a user, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    format: u32,
    files: Vec<ImportedFile>,
    /// Position of the one that is used.
    used: Option<usize>,
    choice: Choice,
}

impl Imported {
    /// Reads the record in `directory`; an empty one when there is none.
    ///
    /// # Errors
    /// [`RecordError::Read`] and [`RecordError::Damaged`].
    pub fn read(directory: &Path) -> Result<Self, RecordError> {
        let path = directory.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(RecordError::Read { path, source }),
        };
        let damaged = |reason: String| RecordError::Damaged {
            path: path.clone(),
            reason,
        };
        let record: Self = serde_json::from_slice(&text).map_err(|e| damaged(e.to_string()))?;
        match record.used {
            _ if record.format > FORMAT => {
                Err(damaged("a later version of eco wrote it".to_string()))
            }
            Some(used) if used >= record.files.len() => Err(damaged("it uses no file".to_string())),
            _ => Ok(record),
        }
    }

    /// Writes the record into `directory`, which is made if need be.
    ///
    /// # Errors
    /// [`RecordError::Write`].
    pub fn write(&mut self, directory: &Path) -> Result<(), RecordError> {
        self.format = FORMAT;
        let path = directory.join(FILE);
        let failed = |source| FileError::Create {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(directory).map_err(failed)?;
        let mut file = NewFile::create(&path)?;
        let written = serde_json::to_writer_pretty(&mut file, self).map_err(io::Error::from);
        if let Err(error) = written.and_then(|()| writeln!(file)) {
            return Err(file.failed(error).into());
        }
        file.finish()?;
        Ok(())
    }

    /// The imports, in the order in which they were made.
    pub fn files(&self) -> &[ImportedFile] {
        &self.files
    }

    /// The import that is used, and why.
    pub fn used(&self) -> Option<(&ImportedFile, Choice)> {
        Some((self.files.get(self.used?)?, self.choice))
    }

    /// Adds the file at `path`, which is used from now on.
    ///
    /// # Errors
    /// [`RecordError::Read`] when it cannot be read.
    pub fn add(&mut self, path: &Path) -> Result<(), RecordError> {
        let failed = |source| RecordError::Read {
            path: path.to_path_buf(),
            source,
        };
        let path = fs::canonicalize(path).map_err(failed)?;
        let file = ImportedFile::of(&path).map_err(failed)?;
        self.files.retain(|known| known.path() != path);
        self.files.push(file);
        self.used = Some(self.files.len() - 1);
        self.choice = Choice::ImportedLast;
        Ok(())
    }

    /// Chooses the import called `name`, or the one at that path.
    ///
    /// # Errors
    /// [`RecordError::NoSuchName`] and [`RecordError::SeveralOfThatName`].
    pub fn choose(&mut self, name: &Path) -> Result<&ImportedFile, RecordError> {
        let text = name.to_string_lossy().into_owned();
        let path = fs::canonicalize(name).unwrap_or_else(|_| name.to_path_buf());
        let at_path = self
            .files
            .iter()
            .position(|file| file.path() == path || file.path() == name);
        let called: Vec<usize> = match at_path {
            Some(index) => vec![index],
            None => (0..self.files.len())
                .filter(|&index| self.files[index].name() == text)
                .collect(),
        };
        match *called.as_slice() {
            [] => Err(RecordError::NoSuchName {
                name: text,
                known: self.files.iter().map(ImportedFile::name).collect(),
            }),
            [index] => {
                self.used = Some(index);
                self.choice = Choice::Chosen;
                Ok(&self.files[index])
            }
            ref several => {
                let path = |&index: &usize| self.files[index].path().display().to_string();
                Err(RecordError::SeveralOfThatName {
                    name: text,
                    paths: several.iter().map(path).collect(),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with files `a.safetensors` and `b.safetensors`, both imported in that order.
    fn two() -> (tempfile::TempDir, Imported) {
        let folder = tempfile::tempdir().unwrap();
        let mut imported = Imported::default();
        for name in ["a", "b"] {
            let path = folder.path().join(name).with_extension("safetensors");
            fs::write(&path, name).unwrap();
            imported.add(&path).unwrap();
        }
        (folder, imported)
    }

    fn used(imported: &Imported) -> (String, Choice) {
        let (file, choice) = imported.used().unwrap();
        (file.name(), choice)
    }

    #[test]
    fn the_last_import_is_used_until_another_is_chosen() {
        let (folder, mut imported) = two();
        assert_eq!(used(&imported), ("b".to_string(), Choice::ImportedLast));
        imported.choose(Path::new("a")).unwrap();
        assert_eq!(used(&imported), ("a".to_string(), Choice::Chosen));
        imported
            .choose(&folder.path().join("b.safetensors"))
            .unwrap();
        assert_eq!(used(&imported).0, "b");
        let error = imported.choose(Path::new("c")).unwrap_err().to_string();
        assert!(error.contains("there are a, b"), "{error}");
    }

    #[test]
    fn an_import_of_the_same_file_again_is_listed_once() {
        let (folder, mut imported) = two();
        imported.add(&folder.path().join("a.safetensors")).unwrap();
        let names: Vec<String> = imported.files().iter().map(ImportedFile::name).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(used(&imported).0, "a");
    }

    #[test]
    fn a_name_that_several_imports_have_needs_a_path() {
        let (folder, mut imported) = two();
        fs::create_dir(folder.path().join("other")).unwrap();
        let other = folder.path().join("other/a.safetensors");
        fs::write(&other, "x").unwrap();
        imported.add(&other).unwrap();
        let error = imported.choose(Path::new("a")).unwrap_err().to_string();
        assert!(error.contains("other/a.safetensors"), "{error}");
        imported.choose(&other).unwrap();
    }

    #[test]
    fn the_record_is_read_back_as_it_was_written() {
        let (folder, mut imported) = two();
        imported.choose(Path::new("a")).unwrap();
        let home = folder.path().join("new/home");
        imported.write(&home).unwrap();
        assert_eq!(Imported::read(&home).unwrap(), imported);
        assert_eq!(Imported::read(folder.path()).unwrap(), Imported::default());
        fs::write(home.join(FILE), "{").unwrap();
        assert!(matches!(
            Imported::read(&home),
            Err(RecordError::Damaged { .. })
        ));
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_no_text_is_kept() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder
            .path()
            .join(std::ffi::OsStr::from_bytes(b"n\xff.safetensors"));
        fs::write(&path, "x").unwrap();
        let mut imported = Imported::default();
        imported.add(&path).unwrap();
        imported.write(folder.path()).unwrap();
        let read = Imported::read(folder.path()).unwrap();
        assert_eq!(read.files()[0].path().file_name(), path.file_name());
    }
}
