//! What the user names: where frames come from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::device;
use crate::clip::address::{is_scheme, without_password};

/// Where frames come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A video file or a directory of frames.
    Path(PathBuf),
    /// Standard input, `-`.
    Stdin,
    /// A camera or another device, as ffmpeg reads it.
    Device {
        /// ffmpeg's name of the kind of device: `v4l2`, `avfoundation`, `dshow`, ...
        format: String,
        /// ffmpeg's name of the device.
        name: String,
    },
    /// Something with an address: `rtsp://...`, `http://...`, `udp://...`.
    Address(String),
}

/// A text that names no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no source: {reason}")]
pub struct ParseSourceError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FromStr for Source {
    type Err = ParseSourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let failed = |reason: String| ParseSourceError {
            text: text.to_owned(),
            reason,
        };
        if text.is_empty() {
            return Err(failed("it is empty".to_owned()));
        }
        if text == "-" {
            return Ok(Self::Stdin);
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return match is_scheme(scheme) && !rest.is_empty() {
                true => Ok(Self::Address(text.to_owned())),
                false => Err(failed("an address is written scheme://...".to_owned())),
            };
        }
        match device::parse(text) {
            Some(found) => found
                .map(|(format, name)| Self::Device { format, name })
                .map_err(failed),
            None => Ok(Self::Path(text.into())),
        }
    }
}

impl Source {
    /// Whether a connection to it may be lost and made again.
    pub fn is_network(&self) -> bool {
        matches!(self, Self::Address(_))
    }

    /// Whether its frames come by the clock, whoever reads them.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Address(_) | Self::Device { .. })
    }

    /// The scheme of an address.
    pub(super) fn scheme(&self) -> Option<&str> {
        match self {
            Self::Address(address) => Some(address.split_once("://")?.0),
            _ => None,
        }
    }

    /// The same as a path, to name it in errors; passwords are left out.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Path(path) => path.clone(),
            _ => self.to_string().into(),
        }
    }
}

/// As the user named it, but for user and password in an address.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("standard input"),
            Self::Device { format, name } => write!(f, "{format}:{name}"),
            Self::Address(address) => f.write_str(&without_password(address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Source {
        text.parse().unwrap()
    }

    #[test]
    fn sources_are_told_apart_by_how_they_are_written() {
        assert_eq!(parsed("-"), Source::Stdin);
        assert_eq!(parsed("clip.mp4"), Source::Path("clip.mp4".into()));
        assert_eq!(parsed("a:b.mp4"), Source::Path("a:b.mp4".into()));
        assert_eq!(parsed("C:\\clip.mp4"), Source::Path("C:\\clip.mp4".into()));
        let address = "rtsp://camera/1";
        assert_eq!(parsed(address), Source::Address(address.to_owned()));
        for wrong in ["", "://x", "rtsp://", "a b://c", "dshow:", "camera:x"] {
            assert!(wrong.parse::<Source>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let shown = |text: &str| parsed(text).to_string();
        assert_eq!(shown("rtsp://me:p@ss@host:554/a@b"), "rtsp://host:554/a@b");
        assert_eq!(shown("http://host/a@b"), "http://host/a@b");
    }
}
