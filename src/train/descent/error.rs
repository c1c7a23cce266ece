use std::path::PathBuf;

use thiserror::Error;

use crate::clip::ClipError;
use crate::train::cache::CacheError;
use crate::train::checkpoint::CheckpointError;
use crate::train::network;

/// Why a fit ended early.
#[derive(Debug, Error)]
pub enum DescentError {
    /// A clip cannot be decoded.
    #[error("{} cannot be used", path.display())]
    Clip {
        /// The clip.
        path: PathBuf,
        /// What is wrong with it.
        source: ClipError,
    },
    /// All clips of a kind are left out.
    #[error("no clip can be used: all {0} are left out")]
    NoClips(usize),
    /// The network's answers to clips that it is judged by are NaN or infinite.
    #[error(
        "the network gives no finite numbers for the clips that it is judged by: their loss is {0}"
    )]
    Judged(f64),
    /// The network cannot be fitted further.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// What an untrained part of the network makes of clips cannot be kept.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The state of the fit cannot be kept.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl DescentError {
    /// Whether values became NaN or infinite: the same fit would come to the same place again.
    pub fn is_divergence(&self) -> bool {
        matches!(
            self,
            Self::Judged(_)
                | Self::Network(
                    network::Error::Loss(_)
                        | network::Error::Gradient(_)
                        | network::Error::Values(_)
                )
        )
    }
}

/// The result of a part of a fit.
pub type Result<T> = std::result::Result<T, DescentError>;
