//! What is left out on the way through directories of clips.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::skipped::count;

/// What is in directories of clips and is no clip.
#[derive(Default)]
pub(super) struct LeftOut {
    files: usize,
    file: Option<PathBuf>,
    directories: usize,
    directory: Option<PathBuf>,
}

impl LeftOut {
    pub(super) fn add_files(&mut self, names: &[OsString]) {
        self.files += names.len();
        let first = names.iter().min().map(PathBuf::from);
        self.file = self.file.take().or(first);
    }

    pub(super) fn add_directory(&mut self, path: &Path) {
        self.directories += 1;
        self.directory.get_or_insert_with(|| path.to_path_buf());
    }

    /// In one line; `None` when nothing is left out.
    pub(super) fn note(&self, path: &Path) -> Option<String> {
        let example = |count: String, name: &Option<PathBuf>| {
            let name = name.as_ref()?;
            Some(format!("{count} (such as {})", name.display()))
        };
        let files = count(
            self.files,
            "file that is no clip",
            "files that are no clips",
        );
        let directories = count(
            self.directories,
            "directory without frames or videos",
            "directories without frames or videos",
        );
        let parts = [
            example(files, &self.file),
            example(directories, &self.directory),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let note = || format!("{}: left out: {}", path.display(), parts.join(" and "));
        (!parts.is_empty()).then(note)
    }
}
