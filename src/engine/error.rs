use super::cpu;
use super::device::Device;
use super::precision::Precision;
use crate::network;
use crate::weights::UnusableWeights;

/// Why an engine cannot be made, or a batch not be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input does not fit the network.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// A tensor cannot be read.
    #[error(transparent)]
    Weights(#[from] UnusableWeights),
    /// An engine of the CPU refuses.
    #[error(transparent)]
    Cpu(#[from] cpu::Error),
    /// The Winograd engine computes on the CPU only.
    #[error("the winograd engine runs on the CPU, not on {0}; the libtorch engine does")]
    Device(Device),
    /// These are for GPUs: no engine has them on the CPU.
    #[error(
        "precision {0} is for CUDA devices; a CPU computes in fp32, one with AMX-BF16 in bf16 too"
    )]
    Precision(Precision),
    /// On the CPU one engine alone computes in bfloat16.
    #[error(
        "the {0} engine computes in fp32 on a CPU; for bf16 there is an engine of its own, which auto takes"
    )]
    Bf16(&'static str),
    /// This program was built without the `libtorch` feature.
    #[error("this eco was built without libtorch, which {0} needs")]
    NoLibtorch(&'static str),
    /// A tensor has another shape than the network's.
    #[error("{name} has shape {found:?}, the network needs {expected:?}")]
    TensorShape {
        /// Full name, such as `eco_2d.basic_conv.conv1_7x7_s2.weight`.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// What the network needs.
        expected: Vec<usize>,
    },
    /// The network asks for a tensor that its state_dict does not have.
    #[error("the network has no tensor {0}")]
    NoSuchTensor(String),
    /// An operator got another number of inputs than it takes.
    #[error("{0} does not take so many inputs")]
    Operands(&'static str),
    /// Values that are no whole frames, or maps that are no whole clips.
    #[error("{found} values are no whole number of {unit} of {length}")]
    Length {
        /// What they should be.
        unit: &'static str,
        /// Values of one.
        length: usize,
        /// How many there are.
        found: usize,
    },
    /// The device has too little memory.
    #[error("too little memory: {0}")]
    OutOfMemory(String),
    /// libtorch reported an error.
    #[error("libtorch: {0}")]
    Torch(String),
}

/// The result of making or running an engine.
pub type Result<T> = std::result::Result<T, Error>;
