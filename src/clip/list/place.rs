//! Where the clips of a list are.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::clip::extensions::{VIDEO_EXTENSIONS, has_extension};

/// Extensions of videos that lists name without them.
const LEFT_OUT: [&str; 5] = ["mp4", "webm", "avi", "mkv", "mov"];

/// Where paths that are not absolute begin: here, and beside the list.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// The directory of the list.
    pub(super) beside: Option<PathBuf>,
}

impl Places {
    /// The path that an entry is, if there is something at it as it stands.
    pub(super) fn as_it_stands(&self, text: &[u8]) -> Option<PathBuf> {
        self.existing(path(text)?)
    }

    /// The path that an entry means, if there is something at it: as it stands, with slashes for backslashes, or with an
    /// extension; here or in one of `folders`.
    pub(super) fn meant(&self, text: &[u8], folders: &[PathBuf]) -> Option<PathBuf> {
        let slash = |&byte: &u8| if byte == b'\\' { b'/' } else { byte };
        let turned: Vec<u8> = text.iter().map(slash).collect();
        let mut texts = vec![text.to_vec()];
        if turned != text {
            texts.push(turned.clone());
        }
        if !path(text).is_some_and(|path| has_extension(path, &VIDEO_EXTENSIONS)) {
            let extended = |extension: &str| [&turned[..], b".", extension.as_bytes()].concat();
            texts.extend(LEFT_OUT.map(extended));
        }
        let paths: Vec<PathBuf> = texts.iter().filter_map(|text| path(text)).collect();
        let inner = folders
            .iter()
            .flat_map(|folder| paths.iter().map(|path| folder.join(path)));
        paths
            .iter()
            .cloned()
            .chain(inner)
            .find_map(|path| self.existing(path))
    }

    fn existing(&self, path: PathBuf) -> Option<PathBuf> {
        if path.exists() {
            return Some(path);
        }
        let beside = self.beside.as_ref()?.join(path);
        beside.exists().then_some(beside)
    }
}

/// Bytes as a path, which need not be UTF-8 where the system's paths need not.
#[cfg(unix)]
pub(super) fn path(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(OsString::from_vec(bytes.to_vec()).into())
}

/// Bytes as a path, if they are UTF-8.
#[cfg(not(unix))]
pub(super) fn path(bytes: &[u8]) -> Option<PathBuf> {
    String::from_utf8(bytes.to_vec())
        .ok()
        .map(|text| OsString::from(text).into())
}
