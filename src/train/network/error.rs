use thiserror::Error;

use crate::engine;
use crate::network;
use crate::train::checkpoint::CheckpointError;
use crate::train::recipe::RecipeError;
use crate::weights::UnusableWeights;

/// Why a network cannot be fitted.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no such network, or the input does not fit it.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// libtorch reported an error, or a tensor does not fit.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The weights to start from cannot be read.
    #[error(transparent)]
    Weights(#[from] UnusableWeights),
    /// The checkpoint to go on from does not have what it should.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// No fit can have this recipe.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The loss is NaN or infinite. Nothing was changed since the last step.
    #[error("the loss is {0}")]
    Loss(f64),
    /// The gradient is NaN or infinite. Nothing was changed since the last step.
    #[error("the gradient has the norm {0}")]
    Gradient(f64),
    /// A tensor has values that are NaN or infinite after a step.
    #[error("the last step made values of {0} that are NaN or infinite")]
    Values(String),
    /// There are more or fewer classes than clips.
    #[error("{classes} classes were given for {clips} clips")]
    Labels {
        /// Classes.
        classes: usize,
        /// Clips.
        clips: usize,
    },
    /// A clip has a class that the head does not have.
    #[error("class {class} was given, and the head has {classes}, counted from 0")]
    Class {
        /// The class.
        class: usize,
        /// Classes of the head.
        classes: usize,
    },
    /// A step needs clips.
    #[error("no clips were given since the last step")]
    NoClips,
    /// Clips were given, and no step was made.
    #[error("a step has begun and not ended")]
    UnfinishedStep,
    /// What comes before the last stage is trained too.
    #[error("all tensors are trained: what comes before the last stage changes with every step")]
    AllTuned,
    /// Values that are not as many as the clips should have.
    #[error("{found} values were given for {clips} clips of {length}")]
    Length {
        /// Values.
        found: usize,
        /// Clips.
        clips: usize,
        /// Values that a clip has.
        length: usize,
    },
}

impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Self {
        Self::Engine(error.into())
    }
}

/// The result of fitting.
pub type Result<T> = std::result::Result<T, Error>;
