use clap::ValueEnum;

use super::winograd::Winograd;
use super::{Compiled, Device, Engine, Error, Libtorch, Result};
use crate::model::EcoLite;

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

/// Frames below which compiling the network takes longer than it saves: it costs about 0.4 s, and each frame is about
/// 35 ms faster (two cores).
const BREAK_EVEN_FRAMES: usize = 12;

impl EngineChoice {
    /// The engine for `net`, whose tensors are on `device`; `frames` is how many frames will be run, where it is known.
    ///
    /// # Errors
    /// Winograd on another device than the CPU, and what making the engine reports.
    pub fn build(
        self,
        net: EcoLite,
        device: Device,
        threads: usize,
        frames: Option<usize>,
    ) -> Result<Box<dyn Engine>> {
        let few = frames.is_some_and(|frames| frames < BREAK_EVEN_FRAMES);
        match (self, device) {
            (Self::Winograd, Device::Cuda(_)) => Err(Error::Device(device)),
            (Self::Winograd, Device::Cpu) => Ok(Box::new(Compiled::new(&net, threads)?)),
            (Self::Auto, Device::Cpu) if Winograd::is_fast_here() && !few => {
                Ok(Box::new(Compiled::new(&net, threads)?))
            }
            _ => Ok(Box::new(Libtorch::new(net, device))),
        }
    }
}
