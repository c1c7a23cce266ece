use crate::clip::ClipError;
use crate::engine::{self, DeviceError};
use crate::weights::{LoadError, UnusableWeights};

use super::{LabelCount, ScoreError, WeightsSource};

/// Why a [`Recogniser`](super::Recogniser) cannot be built, or why its run ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecogniseError {
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The weights cannot be read or do not match the network.
    #[error(transparent)]
    Weights(#[from] LoadError),
    /// No network can be made of these weights.
    #[error("cannot use {weights}")]
    Unusable {
        /// Which weights.
        weights: WeightsSource,
        /// What is wrong with them.
        source: Box<UnusableWeights>,
    },
    /// There are more or fewer class names than classes.
    #[error(transparent)]
    Labels(#[from] LabelCount),
    /// The engine cannot be built, or a batch cannot be run.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// Frames do not make the network's input.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// The network's logits give no scores.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// Rayon's threads have been started already.
    #[error("cannot bound the threads")]
    Threads(#[source] rayon::ThreadPoolBuildError),
}
