//! Where the clips of a list are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::clip::address::Address;
use crate::clip::archive::archive_around;
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
            .or_else(|| self.elsewhere(text))
    }

    fn existing(&self, path: PathBuf) -> Option<PathBuf> {
        if path.exists() {
            return Some(path);
        }
        let beside = self.beside.as_ref()?.join(path);
        beside.exists().then_some(beside)
    }

    /// An address, or a path that leads into an archive, if it can be nothing else: addresses have no blanks, and names with blanks
    /// or separators may be more than a name.
    pub(super) fn elsewhere(&self, text: &[u8]) -> Option<PathBuf> {
        let path = path(text).filter(|_| !text.iter().any(u8::is_ascii_whitespace))?;
        if path.to_str().and_then(Address::parse).is_some() {
            return Some(path);
        }
        let beside = self.beside.as_ref().map(|beside| beside.join(&path));
        let mut paths = [Some(path), beside].into_iter().flatten();
        paths.find(|path| !has_separators(path) && archive_around(path).is_some())
    }
}

fn has_separators(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.contains(&b',') || bytes.contains(&b';')
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
