use std::time::Duration;

use super::{ScoreError, Scores};
use crate::clip::{ClipEntry, ClipError, Loaded};

/// One clip, or one window of it, and what came of it.
#[derive(Debug)]
pub struct Answer {
    /// The clip.
    pub entry: ClipEntry,
    /// The clip's place in the input, from 0.
    pub clip: usize,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a clip, or of one window of it.
#[derive(Debug)]
pub enum Outcome {
    /// The network gave every class a score.
    Scored {
        /// What was looked at.
        loaded: Loaded,
        /// The mean over the views.
        scores: Scores,
        /// The values before the head, the mean over the views.
        features: Vec<f32>,
        /// The clip's share of the network's time.
        forward: Duration,
    },
    /// The network ran, but its logits are no scores.
    NotScored {
        /// What was looked at.
        loaded: Loaded,
        /// What is wrong with the logits.
        error: ScoreError,
        /// The clip's share of the network's time.
        forward: Duration,
    },
    /// The frames could not be had.
    NotLoaded {
        /// Why not.
        error: ClipError,
    },
}

impl Outcome {
    /// What was looked at, where there was something.
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
