//! How live sources are read.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::source::Source;
use crate::clip::opened::OpenOptions;
use crate::clip::turns::Turns;
use crate::recipe::Preprocess;
use crate::text::names;

/// What happens when frames come faster than they are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// Live sources drop, the others wait.
    #[default]
    Auto,
    /// The oldest frame that waits is dropped.
    Oldest,
    /// The source waits.
    Never,
}

names!(Overflow { Auto = "auto", Oldest = "oldest", Never = "never" });

/// Width and height of raw frames, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawSize {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl FromStr for RawSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = text.split_once('x').and_then(|(width, height)| {
            Some(RawSize {
                width: width.parse().ok()?,
                height: height.parse().ok()?,
            })
        });
        size.filter(|size| size.width > 0 && size.height > 0)
            .ok_or_else(|| "expected width x height, such as 640x480".to_owned())
    }
}

/// What kind of thing a source is, once it has been looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It has an end, and gives frames as fast as they are taken.
    Stored,
    /// Frames come by the clock.
    Live,
}

/// How live sources are read.
#[derive(Debug, Clone)]
pub struct LiveOptions {
    /// How files and directories are opened, and where ffmpeg is.
    pub open: OpenOptions,
    /// Resize, crop.
    pub preprocess: Preprocess,
    /// When the frames of files may be decoded.
    pub turns: Turns,
    /// Frames looked at per second; all by default.
    pub fps: Option<f64>,
    /// Frames per second of sources that do not say: directories and raw frames.
    pub source_fps: Option<f64>,
    /// Standard input gives raw frames, RGB of 8 bits, of this size.
    pub raw: Option<RawSize>,
    /// Directories are waited on for further frames.
    pub follow: bool,
    /// Files give their frames by the clock.
    pub realtime: bool,
    /// What happens when frames come faster than they are looked at.
    pub overflow: Overflow,
    /// Frames that may wait.
    pub capacity: usize,
    /// How long a source may be silent.
    pub timeout: Duration,
    /// How often in a row a lost network source is tried again; by default [`LiveOptions::RETRIES`], and an `http` stream that
    /// ends as it should has ended.
    pub retry: Option<usize>,
    /// Options for ffmpeg's input, without their dash, some with a value.
    pub input_options: Vec<(String, Option<String>)>,
    /// Frames are kept as they are beside what the network sees, to be drawn on.
    pub keeps_images: bool,
}

impl LiveOptions {
    /// How often in a row a lost network source is tried again when nothing is said.
    pub const RETRIES: usize = 5;

    /// How sources are read when nothing is said.
    pub fn new(preprocess: Preprocess) -> Self {
        Self {
            open: OpenOptions::default(),
            preprocess,
            turns: Turns::beside(),
            fps: None,
            source_fps: None,
            raw: None,
            follow: false,
            realtime: false,
            overflow: Overflow::default(),
            capacity: 16,
            timeout: Duration::from_secs(10),
            retry: None,
            input_options: Vec::new(),
            keeps_images: false,
        }
    }

    /// Whether a full ring drops its oldest frame.
    pub(super) fn drops_oldest(&self, source: &Source) -> bool {
        match self.overflow {
            Overflow::Auto => self.kind(source) == Kind::Live,
            Overflow::Oldest => true,
            Overflow::Never => false,
        }
    }

    /// What kind of thing a source is.
    pub fn kind(&self, source: &Source) -> Kind {
        let grows = |path: &PathBuf| self.follow && path.is_dir();
        match source {
            Source::Path(path) if grows(path) => Kind::Live,
            Source::Path(_) | Source::Stdin => Kind::Stored,
            Source::Device { .. } | Source::Address(_) => Kind::Live,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_two_numbers() {
        let size = |text: &str| text.parse::<RawSize>().ok();
        assert_eq!(size("640x480").map(|size| size.width), Some(640));
        for wrong in ["", "640", "x", "0x480", "640x0", "640x-1", "640x480x3"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }
}
