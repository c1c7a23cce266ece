use thiserror::Error;

#[cfg(feature = "libtorch")]
use crate::train;
use crate::weights::UnusableWeights;
use crate::{engine, network};

/// Why a check cannot go on: the CPU's own answer, with which others are compared, cannot be had.
#[derive(Debug, Error)]
pub enum Error {
    /// A network cannot be described.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// Made-up weights cannot be made.
    #[error(transparent)]
    Weights(#[from] UnusableWeights),
    /// An engine fails.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// A step of training fails.
    #[cfg(feature = "libtorch")]
    #[error(transparent)]
    Training(#[from] train::network::Error),
}

/// The result of a part of the check.
pub type Result<T> = std::result::Result<T, Error>;
