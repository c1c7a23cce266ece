//! Where weights are kept, and which ones are used when none are named.
//!
//! `eco load-weights` writes into `weights/` under the current directory when there is one, else
//! into the user's data directory, and notes the file's path in `last-imported` there. A search
//! takes the first of: the file asked for, the environment variable `ECO_WEIGHTS`, the note in
//! `weights/`, the note in the data directory. The embedded demo is used only when asked for by name.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::WeightsError;
use super::write::temporary_beside;

/// Environment variable that names the weights.
pub const ENVIRONMENT: &str = "ECO_WEIGHTS";
/// The name that stands for the embedded demo.
pub const DEMO: &str = "demo";
/// Directory under the current one that imports go to when it exists.
const LOCAL: &str = "weights";
/// File beside imported weights that names the one imported last.
const POINTER: &str = "last-imported";

/// Why these weights were chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Asked for.
    Argument,
    /// Named by `ECO_WEIGHTS`.
    Environment,
    /// Imported last.
    LastImported,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The embedded demo, asked for by its name.
    Demo,
    /// A file, and why it was chosen.
    File(PathBuf, Origin),
}

/// The places a search looks at. [`Places::current`] takes them from the process.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The current directory.
    pub working_directory: PathBuf,
    /// The user's data directory for eco.
    pub data_directory: Option<PathBuf>,
    /// The value of `ECO_WEIGHTS`.
    pub environment: Option<OsString>,
}

impl Places {
    /// The places of this process.
    pub fn current() -> Self {
        Self {
            working_directory: std::env::current_dir().unwrap_or_default(),
            data_directory: dirs::data_dir().map(|dir| dir.join("eco").join("weights")),
            environment: std::env::var_os(ENVIRONMENT).filter(|value| !value.is_empty()),
        }
    }

    fn local(&self) -> PathBuf {
        self.working_directory.join(LOCAL)
    }

    /// Finds weights; `asked_for` is a path or `demo`.
    ///
    /// # Errors
    /// [`WeightsError::NoneFound`] when the file named or imported last is not there, or when nothing
    /// was named and nothing imported.
    pub fn find(&self, asked_for: Option<&Path>) -> Result<Found, WeightsError> {
        let named = |path: &Path, origin| {
            if path == Path::new(DEMO) {
                return Ok(Found::Demo);
            }
            if matches!(self.working_directory.join(path).try_exists(), Ok(false)) {
                let from = match origin {
                    Origin::Environment => format!(" ({ENVIRONMENT})"),
                    _ => String::new(),
                };
                return Err(WeightsError::NoneFound(format!(
                    "no weights {}{from}: there is no such file\nname a file, or `{DEMO}` for the \
                     embedded motion demo",
                    path.display()
                )));
            }
            Ok(Found::File(path.to_owned(), origin))
        };
        if let Some(path) = asked_for {
            return named(path, Origin::Argument);
        }
        if let Some(path) = &self.environment {
            return named(Path::new(path), Origin::Environment);
        }
        let homes = std::iter::once(self.local()).chain(self.data_directory.clone());
        for home in homes {
            if let Some(path) = noted(&home) {
                if path.is_file() {
                    return Ok(Found::File(path, Origin::LastImported));
                }
                return Err(WeightsError::NoneFound(format!(
                    "the weights imported last are gone: {}\nname others with --weights FILE, or \
                     import some with: eco load-weights CHECKPOINT",
                    path.display()
                )));
            }
        }
        Err(WeightsError::NoneFound(
            "no weights: none were named (--weights FILE, or ECO_WEIGHTS) and none have been \
             imported\nimport a PyTorch checkpoint with: eco load-weights CHECKPOINT\nor try the \
             embedded motion demo with: --weights demo"
                .to_string(),
        ))
    }

    /// The directory imports go to: `weights/` when it exists, else the user's data directory.
    pub fn home(&self) -> PathBuf {
        let local = self.local();
        match &self.data_directory {
            Some(data) if !local.is_dir() => data.clone(),
            _ => local,
        }
    }

    /// Where the import of `checkpoint` goes when the user names no file.
    pub fn default_output(&self, checkpoint: &Path) -> PathBuf {
        self.home()
            .join(format!("{}.safetensors", stem(checkpoint)))
    }

    /// Notes `weights` as imported last.
    ///
    /// # Errors
    /// [`WeightsError::Write`].
    pub fn remember(&self, weights: &Path) -> Result<(), WeightsError> {
        let home = self.home();
        let pointer = home.join(POINTER);
        let failed = |source| WeightsError::Write {
            path: pointer.clone(),
            source,
        };
        std::fs::create_dir_all(&home).map_err(failed)?;
        let absolute = std::path::absolute(weights).map_err(failed)?;
        // A file in the same directory is noted by its name alone, so that the directory can move.
        let note = match absolute.strip_prefix(std::path::absolute(&home).map_err(failed)?) {
            Ok(inside) => inside.to_path_buf(),
            Err(_) => absolute,
        };
        let mut file = temporary_beside(&pointer).map_err(failed)?;
        file.write_all(note.as_os_str().as_encoded_bytes())
            .map_err(failed)?;
        file.persist(&pointer).map_err(|e| failed(e.error))?;
        Ok(())
    }
}

/// The file noted in `home`.
fn noted(home: &Path) -> Option<PathBuf> {
    let note = std::fs::read_to_string(home.join(POINTER)).ok()?;
    let note = note.trim_end_matches(['\r', '\n']);
    (!note.is_empty()).then(|| home.join(note))
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
            working_directory: dir.join("cwd"),
            data_directory: Some(dir.join("data")),
            environment: None,
        }
    }

    #[test]
    fn the_search_goes_from_argument_to_environment_to_the_last_import() {
        let dir = tempfile::tempdir().unwrap();
        let mut places = places(dir.path());
        std::fs::create_dir_all(dir.path().join("data")).unwrap();
        assert!(
            places
                .find(None)
                .unwrap_err()
                .to_string()
                .contains("eco load-weights")
        );
        let imported = dir.path().join("data/a.safetensors");
        std::fs::write(&imported, "x").unwrap();
        places.remember(&imported).unwrap();
        assert_eq!(
            places.find(None).unwrap(),
            Found::File(imported, Origin::LastImported)
        );
        std::fs::create_dir_all(&places.working_directory).unwrap();
        std::fs::write(places.working_directory.join("e.safetensors"), "x").unwrap();
        places.environment = Some("e.safetensors".into());
        assert_eq!(
            places.find(None).unwrap(),
            Found::File("e.safetensors".into(), Origin::Environment)
        );
        assert_eq!(places.find(Some(Path::new("demo"))).unwrap(), Found::Demo);
    }

    #[test]
    fn a_local_weights_directory_takes_imports_and_a_demo_in_it_is_never_chosen() {
        let dir = tempfile::tempdir().unwrap();
        let places = places(dir.path());
        let local = dir.path().join("cwd/weights");
        std::fs::create_dir_all(&local).unwrap();
        std::fs::write(local.join("demo.safetensors"), "x").unwrap();
        assert!(places.find(None).is_err());
        let out = places.default_output(Path::new("/x/ECO_Lite_rgb.pth.tar"));
        assert_eq!(out, local.join("ECO_Lite_rgb.safetensors"));
    }

    #[test]
    fn weights_that_were_deleted_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let places = places(dir.path());
        places
            .remember(&dir.path().join("elsewhere/b.safetensors"))
            .unwrap();
        assert!(
            places
                .find(None)
                .unwrap_err()
                .to_string()
                .contains("elsewhere/b.safetensors")
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_named_with_what_can_be_named_instead() {
        let dir = tempfile::tempdir().unwrap();
        let error = places(dir.path())
            .find(Some(Path::new("dem")))
            .unwrap_err()
            .to_string();
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
