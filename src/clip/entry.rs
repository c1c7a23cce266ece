//! A clip by its name, before anything is read of it.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

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
    /// What its row of the output says about its place in the input.
    pub given: Given,
    /// The frames, where the directory has been listed to see that it is a clip.
    pub frames: Option<Arc<FrameDir>>,
}

/// Where the input names a clip, and what else it says there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Given {
    /// The line of the list or of standard input, or the number of the JSON object, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Fields that are copied to the clip's row, such as `id`.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
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
            given: Given::default(),
            frames: None,
        }
    }
}
