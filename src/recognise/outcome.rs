use std::time::Duration;

use super::{ScoreError, Scores};
use crate::clip::{ClipEntry, ClipError, Loaded};

/// The result for one clip, or for one window of it.
#[derive(Debug)]
pub struct Answer {
    /// The clip.
    pub entry: ClipEntry,
    /// Index of the clip in the input, from 0.
    pub clip: usize,
    /// The result.
    pub outcome: Outcome,
}

/// What became of a clip, or of one window of it.
#[derive(Debug)]
pub enum Outcome {
    /// Every class has a score.
    Scored {
        /// The frames that were used.
        loaded: Loaded,
        /// Averaged over the views.
        scores: Scores,
        /// The values before the classifier, averaged over the views.
        features: Vec<f32>,
        /// The clip's share of the network's time.
        forward: Duration,
    },
    /// The network ran, but its logits give no scores.
    NotScored {
        /// The frames that were used.
        loaded: Loaded,
        /// What is wrong with the logits.
        error: ScoreError,
        /// The clip's share of the network's time.
        forward: Duration,
    },
    /// The frames could not be loaded.
    NotLoaded {
        /// Why.
        error: ClipError,
    },
}

impl Outcome {
    /// The frames that were used, if any were loaded.
    pub fn loaded(&self) -> Option<&Loaded> {
        match self {
            Self::Scored { loaded, .. } | Self::NotScored { loaded, .. } => Some(loaded),
            Self::NotLoaded { .. } => None,
        }
    }

    /// Which of the clip's answers this is, from 0, and how many there are.
    pub fn place(&self) -> (usize, usize) {
        self.loaded()
            .map_or((0, 1), |loaded| (loaded.answer, loaded.answers))
    }

    /// The clip's share of the network's time.
    pub fn forward(&self) -> Duration {
        match self {
            Self::Scored { forward, .. } | Self::NotScored { forward, .. } => *forward,
            Self::NotLoaded { .. } => Duration::ZERO,
        }
    }
}
