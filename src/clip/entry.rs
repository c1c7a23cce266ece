//! A clip by its name, before anything is read of it.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::address::Address;
use super::frame_dir::FrameDir;
use super::stored::Stored;

/// One clip to classify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClipEntry {
    /// A directory of frames or a video file; or, if it is neither, what it is called.
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
    /// Where it is, if it is no directory or file of its own.
    pub stored: Option<Stored>,
}

impl ClipEntry {
    /// The clip that users name so: a path or, unless there is a file of that name, an address.
    pub fn named(name: PathBuf) -> Self {
        match Address::of(&name) {
            None => name.into(),
            Some(address) => ClipEntry {
                stored: Some(Stored::Address(address.clone())),
                ..PathBuf::from(address.to_string()).into()
            },
        }
    }

    /// The same without where it is, which is of no use once it has been loaded, and may be kept for it alone.
    pub(super) fn in_name(&self) -> Self {
        ClipEntry {
            stored: None,
            ..self.clone()
        }
    }
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
            stored: None,
        }
    }
}
