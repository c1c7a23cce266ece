use std::fmt;

use clap::ValueEnum;
use tch::Kind;

use super::winograd::Winograd;
use super::{Compiled, Device, Engine, Error, Libtorch, Result};
use crate::network::EcoLite;
use crate::weights::Loaded;

/// Which engine the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum EngineChoice {
    /// winograd on a CPU with AVX2 and FMA, libtorch elsewhere
    #[default]
    Auto,
    /// PyTorch's library: any device
    Libtorch,
    /// Winograd convolutions: the CPU
    Winograd,
}

/// What numbers libtorch computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Precision {
    /// 32 bits, as PyTorch does
    #[default]
    Fp32,
    /// 16 bits with a 10-bit fraction: for GPUs
    Fp16,
    /// 16 bits with the range of 32
    Bf16,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Bf16 => "bf16",
        })
    }
}

impl From<Precision> for Kind {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::Fp32 => Self::Float,
            Precision::Fp16 => Self::Half,
            Precision::Bf16 => Self::BFloat16,
        }
    }
}

/// Frames below which compiling the network takes longer than it saves. On two cores it costs about 0.1 s and saves 14 ms per
/// frame with AVX-512, 25 ms with AVX2.
const BREAK_EVEN_FRAMES: usize = 8;

impl EngineChoice {
    /// The engine for `net`, whose tensors are on `device`; `frames` is how many frames will be run, where it is known.
    /// The pages of the weights that the tensors lie in are released when the engine doesn't need them any more.
    ///
    /// # Errors
    /// Winograd on another device than the CPU, half precision on a CPU, and what making the engine reports.
    pub fn build(
        self,
        net: EcoLite,
        weights: Option<&Loaded>,
        device: Device,
        threads: usize,
        frames: Option<usize>,
        precision: Precision,
    ) -> Result<Box<dyn Engine>> {
        let few = frames.is_some_and(|frames| frames < BREAK_EVEN_FRAMES);
        let release = || weights.into_iter().for_each(Loaded::release_pages);
        let compile =
            || -> Result<Box<dyn Engine>> { Ok(Box::new(Compiled::new(&net, threads, &release)?)) };
        match (self, device) {
            (_, Device::Cpu) if precision != Precision::Fp32 => Err(Error::Precision(precision)),
            (Self::Winograd, Device::Cuda(_)) => Err(Error::Device(device)),
            (Self::Winograd, Device::Cpu) => compile(),
            (Self::Auto, Device::Cpu) if Winograd::is_fast_here() && !few => compile(),
            _ => {
                let engine = Libtorch::new(net, device, precision)?;
                release();
                Ok(Box::new(engine))
            }
        }
    }
}
