//! What a directory holds, read once.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::error::Result;
use super::extensions::{FRAME_EXTENSIONS, VIDEO_EXTENSIONS, has_extension};
use super::reading::read_error;
use super::skipped::Skipped;

/// Entries that programs and systems put into directories, and that are nobody's clips, beside names with a dot.
const SYSTEM_ENTRIES: [&str; 10] = [
    "__MACOSX",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    "@eaDir",
    "#recycle",
    "__pycache__",
    "Thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
];

/// The names in a directory, by what they are. In no order.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Files whose names end as those of frames do.
    pub(super) images: Vec<OsString>,
    /// Files whose names end as those of videos do.
    pub(super) videos: Vec<OsString>,
    /// Directories.
    pub(super) directories: Vec<OsString>,
    /// Other files, broken links and special files.
    pub(super) others: Vec<OsString>,
    /// Entries that are hidden or the system's.
    pub(super) hidden: usize,
}

impl Contents {
    /// Reads the directory at `path`. Links are followed.
    ///
    /// # Errors
    /// Those of [`read_error`].
    pub(super) fn read(path: &Path) -> Result<Self> {
        let mut contents = Contents::default();
        for entry in fs::read_dir(path).map_err(|error| read_error(path, error))? {
            let entry = entry.map_err(|error| read_error(path, error))?;
            let name = entry.file_name();
            if is_hidden(&name) {
                contents.hidden += 1;
                continue;
            }
            // Only links cost a further look at the file system: directories of 10,000 frames are common.
            let kind = match entry.file_type() {
                Ok(kind) if !kind.is_symlink() => Ok(kind),
                _ => fs::metadata(entry.path()).map(|metadata| metadata.file_type()),
            };
            let list = match kind {
                Ok(kind) if kind.is_dir() => &mut contents.directories,
                Ok(kind) if !kind.is_file() => &mut contents.others,
                Ok(_) if has_extension(&name, &FRAME_EXTENSIONS) => &mut contents.images,
                Ok(_) if has_extension(&name, &VIDEO_EXTENSIONS) => &mut contents.videos,
                _ => &mut contents.others,
            };
            list.push(name);
        }
        contents.set_stills_aside();
        Ok(contents)
    }

    /// `match.jpg` beside `match.mp4` is a still of that video, not a frame.
    fn set_stills_aside(&mut self) {
        let stem = |name: &OsString| Path::new(name).file_stem().map(OsStr::to_os_string);
        let videos: HashSet<_> = self.videos.iter().filter_map(stem).collect();
        if !videos.is_empty() {
            let is_still = |name: &mut OsString| stem(name).is_some_and(|s| videos.contains(&s));
            self.others.extend(self.images.extract_if(.., is_still));
        }
    }

    /// What it holds besides frames.
    pub(super) fn skipped(&self) -> Skipped {
        let others = || self.others.iter().chain(&self.videos);
        Skipped {
            hidden: self.hidden,
            others: others().count(),
            directories: self.directories.len(),
            // The first by name, whatever order the system lists them in.
            example: others().min().map(PathBuf::from),
        }
    }
}

/// Whether an entry of this name is nobody's clip.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.starts_with(b".")
        || SYSTEM_ENTRIES
            .iter()
            .any(|entry| entry.as_bytes().eq_ignore_ascii_case(bytes))
}
