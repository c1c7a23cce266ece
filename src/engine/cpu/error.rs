use super::amx::Missing;
use crate::engine::plan::Unplanned;

/// Why the engine cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A tensor is missing or has another length than the network's.
    #[error("{name} has {found} values, the network needs {expected}")]
    Length {
        /// Its name.
        name: String,
        /// How many values it has.
        found: usize,
        /// What the network needs.
        expected: usize,
    },
    /// The network has something that this engine does not compute.
    #[error(transparent)]
    Unplanned(#[from] Unplanned),
    /// The network has a convolution that this engine does not compute.
    #[error("the CPU engine has no kernel for {0}")]
    NoKernel(String),
    /// There is no unit for bfloat16 here.
    #[error("precision bf16 on a CPU needs AMX-BF16, {0}; fp32 runs on every CPU")]
    NoAmx(Missing),
    /// The system starts no more threads.
    #[error("cannot start the engine's threads: {0}")]
    Threads(String),
}
