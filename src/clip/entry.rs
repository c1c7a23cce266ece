//! A clip by its name, before anything is read of it.

use std::path::PathBuf;
use std::sync::Arc;

use super::frame_dir::FrameDir;

/// One clip to classify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClipEntry {
    /// A directory of frames or a video file.
    pub path: PathBuf,
    /// Number of frames, where a list states it.
    pub stated_frames: Option<usize>,
    /// What the clip shows, where a list states it.
    pub label: Option<Label>,
    /// What it belongs together with, where a list states it: clips of one group are not independent of each other.
    pub group: Option<String>,
    /// The frames, where the directory has been listed to see that it is a clip.
    pub frames: Option<Arc<FrameDir>>,
}

/// What a clip shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// The index of a class, from 0.
    Index(usize),
    /// The name of a class.
    Name(String),
}

impl From<PathBuf> for ClipEntry {
    fn from(path: PathBuf) -> Self {
        ClipEntry {
            path,
            stated_frames: None,
            label: None,
            group: None,
            frames: None,
        }
    }
}
