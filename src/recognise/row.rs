//! The answer for one clip, or the reason why there is none: one row of every output format.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clip::Given;

/// One of the classes of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// Output of the head, from 0.
    pub index: usize,
    /// Its name.
    pub label: String,
    /// Softmax score, 0..=1; the mean over the views.
    pub score: f32,
    /// Value before the softmax; the mean over the views.
    pub logit: f32,
}

/// The path of a clip as the user gave it.
///
/// Serialises as the field `clip`, in UTF-8 with `U+FFFD` for what is not; only such a path has a second field,
/// `clip_base64`, with its bytes, so that it can be found again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClipName(PathBuf);

impl ClipName {
    /// The name of the clip at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The name that was written as these two fields.
    pub(super) fn from_fields(clip: String, clip_base64: Option<String>) -> Self {
        // Only the text is left of a path that this system cannot have.
        let bytes = clip_base64.and_then(|encoded| {
            base64::engine::general_purpose::STANDARD
                .decode(encoded)
                .ok()
        });
        Self(bytes.and_then(path_of).unwrap_or_else(|| clip.into()))
    }

    /// The path itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path in UTF-8, with `U+FFFD` for what is not.
    pub fn text(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }
}

impl Serialize for ClipName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("clip", &self.text())?;
        if self.0.to_str().is_none() {
            let bytes = self.0.as_os_str().as_encoded_bytes();
            let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
            map.serialize_entry("clip_base64", &encoded)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for ClipName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            clip: String,
            clip_base64: Option<String>,
        }
        let Fields { clip, clip_base64 } = Fields::deserialize(deserializer)?;
        Ok(Self::from_fields(clip, clip_base64))
    }
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_of(_: Vec<u8>) -> Option<PathBuf> {
    None
}

/// The part of the source that a row answers for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FrameRange {
    /// First frame, from 0.
    pub start_frame: usize,
    /// Frame after the last.
    pub end_frame: usize,
    /// Time of the first frame in seconds, where the source has a frame rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_seconds: Option<f64>,
    /// Time of the frame after the last in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_seconds: Option<f64>,
}

/// Where the time for a clip went, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Timings {
    /// Reading, decoding, resizing and cropping its frames.
    pub decode_ms: f64,
    /// Its share of the network's run over the batch.
    pub forward_ms: f64,
}

/// The answer for one clip, or for one window of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The clip.
    #[serde(flatten)]
    pub clip: ClipName,
    /// Its place in the input.
    #[serde(flatten, skip_deserializing)]
    pub given: Given,
    /// The part looked at; absent when it is all of the clip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<FrameRange>,
    /// Frames of the source, over all windows.
    pub source_frames: usize,
    /// Sampled frames as indices into the source, from 0, in the order the network saw them; views follow one another.
    pub frames: Vec<usize>,
    /// File names of the sampled frames, where the source is a directory; as long as `frames`, or empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frame_names: Vec<String>,
    /// Views (temporal offsets times crops) whose scores were averaged.
    pub views: usize,
    /// Whether the best score is below the limit the user set.
    pub uncertain: bool,
    /// The best classes, best first. Never empty.
    pub top: Vec<Class>,
    /// Logits of all classes, where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logits: Option<Vec<f32>>,
    /// Where the time went, unless rows are to be the same each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timings: Option<Timings>,
    /// What ran the network.
    pub engine: String,
    /// What it computed with.
    #[serde(default)]
    pub precision: String,
    /// What decoded the source, `libav` or `ffmpeg`, where it is a video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<String>,
}

/// Why a clip has no answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowError {
    /// The clip.
    #[serde(flatten)]
    pub clip: ClipName,
    /// Its place in the input.
    #[serde(flatten, skip_deserializing)]
    pub given: Given,
    /// The part looked at; absent when it is all of the clip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<FrameRange>,
    /// The error with its causes, on one line.
    pub error: String,
}

/// One row of the output, in input order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Row {
    /// The clip has an answer.
    Answer(Prediction),
    /// The clip failed.
    Failed(RowError),
}

impl Row {
    /// The clip the row is about.
    pub fn clip(&self) -> &ClipName {
        match self {
            Self::Answer(prediction) => &prediction.clip,
            Self::Failed(failure) => &failure.clip,
        }
    }

    /// The clip's place in the input.
    pub fn given(&self) -> &Given {
        match self {
            Self::Answer(prediction) => &prediction.given,
            Self::Failed(failure) => &failure.given,
        }
    }

    /// The part of the clip the row is about; `None` when it is all of it.
    pub fn range(&self) -> Option<&FrameRange> {
        match self {
            Self::Answer(prediction) => prediction.range.as_ref(),
            Self::Failed(failure) => failure.range.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_clip_serialises_with_its_error() {
        let clip = ClipName::new("clips/a");
        let row = Row::Failed(RowError {
            clip,
            given: Given::default(),
            range: None,
            error: "no frames".into(),
        });
        let json = serde_json::to_string(&row).unwrap();
        assert_eq!(json, r#"{"clip":"clips/a","error":"no frames"}"#);
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_not_utf8_keeps_its_bytes() {
        use std::os::unix::ffi::OsStringExt;
        let clip = ClipName::new(std::ffi::OsString::from_vec(b"a\xff".to_vec()));
        let json = serde_json::to_string(&clip).unwrap();
        assert_eq!(json, "{\"clip\":\"a\u{fffd}\",\"clip_base64\":\"Yf8=\"}");
    }
}
