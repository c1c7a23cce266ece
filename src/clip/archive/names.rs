//! What members are, by their names: WebDataset's rule.
//!
//! The key of a member is its path up to the first dot of its last part, and the rest is its extension. Members of one key
//! that follow each other are a sample.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::clip::contents::is_hidden;
use crate::clip::extensions::{FRAME_EXTENSIONS, VIDEO_EXTENSIONS, has_extension};

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role<'a> {
    /// A video, a clip of its own.
    Video,
    /// A frame of the clip of this name.
    Frame(&'a [u8]),
    /// An image that is in no folder and has no number behind its key.
    Image,
    /// Nothing that is looked at.
    Other,
}

/// A member's name without what leads to the root or to where it already is.
pub(super) fn plain(mut name: &[u8]) -> &[u8] {
    while let Some(rest) = name.strip_prefix(b"./").or(name.strip_prefix(b"/")) {
        name = rest;
    }
    name
}

/// The key and the extension of a member; `None` for one without.
pub(super) fn key(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let last = name.len() - file(name).len();
    let dot = last + name[last..].iter().position(|&byte| byte == b'.')?;
    (dot > last).then(|| (&name[..dot], &name[dot + 1..]))
}

/// The last part of a name.
pub(super) fn file(name: &[u8]) -> &[u8] {
    name.rsplit(|&byte| byte == b'/').next().unwrap_or(name)
}

/// The folder of a name; empty for one in none.
pub(super) fn folder(name: &[u8]) -> &[u8] {
    let end = name.len() - file(name).len();
    &name[..end.saturating_sub(1)]
}

/// What the member of a plain name is.
///
/// Images with a number between key and ending (`clip.000.jpg`) are frames of the clip of that key. Those with the ending alone
/// (`clip/000.jpg`) are a sample each, and frames of the clip that is their folder.
pub(super) fn role(name: &[u8]) -> Role<'_> {
    let Some((key, extension)) = key(name) else {
        return Role::Other;
    };
    let is_meta = name.starts_with(b"__") && name.ends_with(b"__");
    let is_way = |part: &[u8]| matches!(part, b"." | b"..");
    let mut parts = name.split(|&byte| byte == b'/');
    if is_meta || parts.any(|part| is_hidden(&os(part)) && !is_way(part)) {
        return Role::Other;
    }
    if has_extension(os(file(name)), &VIDEO_EXTENSIONS) {
        return Role::Video;
    }
    if !has_extension(os(file(name)), &FRAME_EXTENSIONS) {
        return Role::Other;
    }
    match extension.rsplitn(2, |&byte| byte == b'.').nth(1) {
        Some(number) if number.last().is_some_and(u8::is_ascii_digit) => Role::Frame(key),
        Some(_) => Role::Other,
        None if folder(name).is_empty() => Role::Image,
        None => Role::Frame(folder(name)),
    }
}

/// The path of a clip in an archive. Names are only names: none of them leads out of it.
pub(super) fn inside(archive: &Path, name: &[u8]) -> PathBuf {
    let mut path = OsString::from(archive);
    path.push("/");
    path.push(os(name));
    path.into()
}

/// A name as the system's text.
#[cfg(unix)]
pub(super) fn os(name: &[u8]) -> std::borrow::Cow<'_, OsStr> {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(name).into()
}

/// A name as the system's text, which is Unicode.
#[cfg(not(unix))]
pub(super) fn os(name: &[u8]) -> std::borrow::Cow<'_, OsStr> {
    match String::from_utf8_lossy(name) {
        std::borrow::Cow::Borrowed(name) => OsStr::new(name).into(),
        std::borrow::Cow::Owned(name) => std::ffi::OsString::from(name).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_end_at_the_first_dot_of_the_last_part() {
        let found = |name: &'static str| {
            let text = |bytes: &'static [u8]| str::from_utf8(bytes).unwrap();
            key(name.as_bytes()).map(|(key, extension)| (text(key), text(extension)))
        };
        assert_eq!(found("a.mp4"), Some(("a", "mp4")));
        assert_eq!(found("a.b/c.info.json"), Some(("a.b/c", "info.json")));
        assert_eq!(found("a.b/c"), None);
        assert_eq!(found("a/.b"), None);
    }

    #[test]
    fn members_are_told_by_their_names() {
        let found = |name: &'static str| role(plain(name.as_bytes()));
        for video in ["a.mp4", "./x/a.left.MKV", "a.webm", "../a.mov", "/a.ts"] {
            assert_eq!(found(video), Role::Video, "{video}");
        }
        assert_eq!(found("x/a.000.jpg"), Role::Frame(b"x/a"));
        assert_eq!(found("a.frame_7.PNG"), Role::Frame(b"a"));
        assert_eq!(found("./x/a/7.jpg"), Role::Frame(b"x/a"));
        assert_eq!(found("a.jpg"), Role::Image);
        for other in [
            "a.json",
            "a.cls",
            "a",
            "x/a.seg.png",
            "__a.mp4__",
            "._a.mp4",
            ".x/a.mp4",
            "__MACOSX/a.mp4",
        ] {
            assert_eq!(found(other), Role::Other, "{other}");
        }
    }
}
