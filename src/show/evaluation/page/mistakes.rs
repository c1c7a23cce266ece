//! The worst mistakes.

use super::clips::Entry;
use crate::show::picture::{Picture, PictureError};
use crate::show::strip::{Strip, StripSize, spread};
use crate::text::one_line;

/// Frames of each, about 4 kB each.
const FRAMES: usize = 8;

/// An answer that is wrong.
pub(super) struct Mistake {
    pub path: String,
    pub said: String,
    pub score: f32,
    pub truth: String,
    pub truth_index: usize,
    pub true_score: f32,
    /// The place of the true class, from 1; `None` where its score is no number.
    pub rank: Option<usize>,
    pub strip: Strip,
    /// Why there are no frames.
    pub error: Option<String>,
}

impl Mistake {
    pub(super) fn new(entry: &Entry, frames: MistakeFrames, labels: &[String]) -> Self {
        let said = entry.predicted.map(|class| one_line(&labels[class]));
        Self {
            path: entry.text(),
            said: said.unwrap_or_else(|| "nothing: all scores are NaN".to_owned()),
            score: entry.score,
            truth: one_line(&labels[entry.truth]),
            truth_index: entry.truth,
            true_score: entry.true_score,
            rank: entry.rank,
            strip: frames.strip,
            error: frames.error.map(|error| one_line(&error)),
        }
    }
}

/// The frames of a mistake.
#[derive(Debug, Default)]
pub struct MistakeFrames {
    strip: Strip,
    error: Option<String>,
}

impl MistakeFrames {
    /// Some of `frames`, at half their width and height.
    ///
    /// # Errors
    /// [`PictureError`] when a frame does not have its stated size.
    pub fn new(frames: &[Picture]) -> Result<Self, PictureError> {
        let some: Vec<Picture> = spread(frames, FRAMES).into_iter().copied().collect();
        Ok(Self {
            strip: Strip::new(&some, StripSize::Half)?,
            error: None,
        })
    }

    /// Frames that cannot be shown, and why.
    pub fn missing(error: impl ToString) -> Self {
        Self {
            strip: Strip::default(),
            error: Some(error.to_string()),
        }
    }
}
