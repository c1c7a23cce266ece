use crate::clip::ClipError;
use crate::engine::{self, DeviceError};
use crate::weights::{LoadError, UnusableWeights};

use super::{LabelCount, WeightsSource};

/// Why there is no [`Recogniser`](super::Recogniser), or why its run ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecogniseError {
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The weights cannot be read, or are not this network's.
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
    /// The class names are another network's.
    #[error(transparent)]
    Labels(#[from] LabelCount),
    /// The engine cannot be made, or a batch not be run.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// Frames do not make the network's input.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// Rayon's threads were started before.
    #[error("cannot bound the threads")]
    Threads(#[source] rayon::ThreadPoolBuildError),
}
