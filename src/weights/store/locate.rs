//! Where weights are kept, and which ones are used when none are named.
//!
//! `eco load-weights` writes into the user's data directory and notes the file in the record of imports there (see
//! `imported.rs`). A search takes the first of: the file asked for, the environment variable `ECO_WEIGHTS`, what the
//! record says is used. Nothing in the current directory is ever used unasked. The embedded demo is used only when asked
//! for by name.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::imported::{Choice, Imported, RecordError};
use super::imported_file::State;

/// Environment variable that names the weights.
pub const ENVIRONMENT: &str = "ECO_WEIGHTS";
/// The name that stands for the embedded demo.
pub const DEMO: &str = "demo";

/// Why these weights are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Asked for.
    Argument,
    /// Named by `ECO_WEIGHTS`.
    Environment,
    /// The user's record of imports says so.
    Imported(Choice),
}

impl Origin {
    /// The reason in words; empty for what was asked for.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Argument => "",
            Self::Environment => "from ECO_WEIGHTS",
            Self::Imported(Choice::ImportedLast) => "imported last",
            Self::Imported(Choice::Chosen) => "chosen with eco weights use",
        }
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The embedded demo, asked for by its name.
    Demo,
    /// A file, and why it was chosen.
    File(PathBuf, Origin),
}

/// Why no weights were found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// The file that was named is not there.
    #[error(
        "no weights {path}{from}: there is no such file\nname a file, or `{DEMO}` for the embedded motion demo",
        path = path.display(),
        from = if *environment { " (ECO_WEIGHTS)" } else { "" }
    )]
    NoSuchFile {
        /// The file.
        path: PathBuf,
        /// `ECO_WEIGHTS` named it.
        environment: bool,
    },
    /// The weights that are used are not there any more.
    #[error(
        "the weights {path} ({reason}) are gone\nimport them again with: eco load-weights CHECKPOINT, or choose \
         others: eco weights",
        path = path.display(),
        reason = Origin::Imported(*choice).reason()
    )]
    Gone {
        /// The file.
        path: PathBuf,
        /// Why it is used.
        choice: Choice,
    },
    /// Another file has taken the place of the weights that are used.
    #[error(
        "the weights {path} ({reason}) are not the file that was imported: its content has changed since\nname it to \
         use it all the same, import again with: eco load-weights CHECKPOINT, or choose others: eco weights",
        path = path.display(),
        reason = Origin::Imported(*choice).reason()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// Why it is used.
        choice: Choice,
    },
    /// Nothing was named and nothing imported.
    #[error(
        "no weights were named and none have been imported\nimport a PyTorch checkpoint with: eco load-weights \
         CHECKPOINT\nor name a file, or `{DEMO}` for the embedded motion demo (ECO_WEIGHTS names weights as well)"
    )]
    NoneImported,
    /// The record of imports cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The system knows no data directory of the user.
    #[error("there is no home directory to keep weights in")]
    NoHome,
}

/// The places a search looks at. [`Places::current`] takes them from the process.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The user's data directory for eco.
    pub data_directory: Option<PathBuf>,
    /// The value of `ECO_WEIGHTS`.
    pub environment: Option<OsString>,
}

impl Places {
    /// The places of this process.
    pub fn current() -> Self {
        Self {
            data_directory: dirs::data_dir().map(|dir| dir.join("eco").join("weights")),
            environment: std::env::var_os(ENVIRONMENT).filter(|value| !value.is_empty()),
        }
    }

    /// Finds weights; `asked_for` is a path or `demo`.
    ///
    /// # Errors
    /// [`LocateError`] when the file named or used is not there, when another has taken its place, or when nothing was
    /// named and nothing imported.
    pub fn find(&self, asked_for: Option<&OsStr>) -> Result<Found, LocateError> {
        if let Some(name) = asked_for {
            return named(name, Origin::Argument);
        }
        if let Some(name) = &self.environment {
            return named(name, Origin::Environment);
        }
        let imported = self.imported()?;
        let (file, choice) = imported.used().ok_or(LocateError::NoneImported)?;
        let path = file.path().to_path_buf();
        match file.state() {
            State::Same => Ok(Found::File(path, Origin::Imported(choice))),
            State::Changed => Err(LocateError::Changed { path, choice }),
            State::Gone => Err(LocateError::Gone { path, choice }),
        }
    }

    /// The user's record of imports; an empty one where the user has no data directory.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn imported(&self) -> Result<Imported, RecordError> {
        let read = self.data_directory.as_deref().map(Imported::read);
        read.unwrap_or_else(|| Ok(Imported::default()))
    }

    /// Where the import of `checkpoint` goes when the user names no file.
    ///
    /// # Errors
    /// [`LocateError::NoHome`].
    pub fn default_output(&self, checkpoint: &Path) -> Result<PathBuf, LocateError> {
        let home = self.data_directory.as_ref().ok_or(LocateError::NoHome)?;
        Ok(home.join(format!("{}.safetensors", stem(checkpoint))))
    }

    /// Notes `weights` as imported last.
    ///
    /// # Errors
    /// [`LocateError::NoHome`] and [`RecordError`].
    pub fn remember(&self, weights: &Path) -> Result<(), LocateError> {
        let home = self.data_directory.as_ref().ok_or(LocateError::NoHome)?;
        let mut imported = Imported::read(home)?;
        imported.add(weights)?;
        Ok(imported.write(home)?)
    }

    /// Uses the import called `name`, or the one at that path, from now on. Returns its path.
    ///
    /// # Errors
    /// [`LocateError::NoHome`] and [`RecordError`].
    pub fn choose(&self, name: &Path) -> Result<PathBuf, LocateError> {
        let home = self.data_directory.as_ref().ok_or(LocateError::NoHome)?;
        let mut imported = Imported::read(home)?;
        let path = imported.choose(name)?.path().to_path_buf();
        imported.write(home)?;
        Ok(path)
    }
}

fn named(name: &OsStr, origin: Origin) -> Result<Found, LocateError> {
    if name == DEMO {
        return Ok(Found::Demo);
    }
    let path = PathBuf::from(name);
    match path.try_exists() {
        Ok(false) => Err(LocateError::NoSuchFile {
            path,
            environment: origin == Origin::Environment,
        }),
        _ => Ok(Found::File(path, origin)),
    }
}

/// A file's name without the endings that checkpoints have.
fn stem(checkpoint: &Path) -> String {
    let name = checkpoint
        .file_name()
        .map_or("weights".into(), |n| n.to_string_lossy());
    let mut stem = name.as_ref();
    for ending in [
        ".index.json",
        ".tar",
        ".pth",
        ".pt",
        ".bin",
        ".ckpt",
        ".pkl",
        ".safetensors",
        ".caffemodel",
    ] {
        stem = stem.strip_suffix(ending).unwrap_or(stem);
    }
    if stem.is_empty() || stem == DEMO {
        "weights".to_string()
    } else {
        stem.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(dir: &Path) -> Places {
        Places {
            data_directory: Some(dir.join("data")),
            environment: None,
        }
    }

    fn found(places: &Places, asked_for: Option<&Path>) -> Result<Found, String> {
        let found = places.find(asked_for.map(Path::as_os_str));
        found.map_err(|error| error.to_string())
    }

    #[test]
    fn the_search_goes_from_argument_to_environment_to_what_was_imported() {
        let dir = tempfile::tempdir().unwrap();
        let mut places = places(dir.path());
        let none = found(&places, None).unwrap_err();
        assert!(none.contains("eco load-weights"), "{none}");
        let imported = dir.path().canonicalize().unwrap().join("a.safetensors");
        std::fs::write(&imported, "x").unwrap();
        places.remember(&imported).unwrap();
        let last = Found::File(imported, Origin::Imported(Choice::ImportedLast));
        assert_eq!(found(&places, None), Ok(last));
        let other = dir.path().join("e.safetensors");
        std::fs::write(&other, "x").unwrap();
        places.environment = Some(other.clone().into());
        assert_eq!(
            found(&places, None),
            Ok(Found::File(other, Origin::Environment))
        );
        assert_eq!(found(&places, Some(Path::new("demo"))), Ok(Found::Demo));
    }

    #[test]
    fn weights_that_were_deleted_or_replaced_are_named_and_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let places = places(dir.path());
        let path = dir.path().join("b.safetensors");
        std::fs::write(&path, "x").unwrap();
        places.remember(&path).unwrap();
        std::fs::write(&path, "another network").unwrap();
        let error = found(&places, None).unwrap_err();
        assert!(
            error.contains("b.safetensors (imported last) are not the file"),
            "{error}"
        );
        std::fs::remove_file(&path).unwrap();
        let error = found(&places, None).unwrap_err();
        assert!(
            error.contains("b.safetensors (imported last) are gone"),
            "{error}"
        );
    }

    #[test]
    fn a_choice_holds_until_the_next_import() {
        let dir = tempfile::tempdir().unwrap();
        let places = places(dir.path());
        for name in ["a.safetensors", "b.safetensors"] {
            std::fs::write(dir.path().join(name), name).unwrap();
            places.remember(&dir.path().join(name)).unwrap();
        }
        let chosen = places.choose(Path::new("a")).unwrap();
        assert!(chosen.is_absolute());
        let origin = Origin::Imported(Choice::Chosen);
        assert_eq!(found(&places, None), Ok(Found::File(chosen, origin)));
    }

    #[test]
    fn a_file_that_is_not_there_is_named_with_what_can_be_named_instead() {
        let dir = tempfile::tempdir().unwrap();
        let error = found(&places(dir.path()), Some(Path::new("dem"))).unwrap_err();
        assert!(
            error.contains("dem:") && error.contains("`demo`"),
            "{error}"
        );
    }

    #[test]
    fn an_import_never_gets_the_name_of_the_demo() {
        assert_eq!(stem(Path::new("demo.pth")), "weights");
        assert_eq!(stem(Path::new("a.b.pth.tar")), "a.b");
    }
}
