//! Which engine runs the network: chosen before anything is read, so that each makes of the weights only what it needs.

use super::cpu::amx::Amx;
use super::device::Device;
use super::direct;
use super::error::{Error, Result};
use super::interface::{ClipBatch, Engine, EngineKind, Observed};
use super::precision::Precision;
use super::winograd::Winograd;
use crate::network::Network;
use crate::text::names;
use crate::weights::Weights;

/// Which engine the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineChoice {
    /// The Winograd engine on a CPU with AVX2 and FMA, libtorch elsewhere; in bfloat16 on a CPU, direct convolutions on AMX.
    #[default]
    Auto,
    /// PyTorch's library: any device.
    Libtorch,
    /// Winograd convolutions: the CPU.
    Winograd,
}

names!(EngineChoice {
    Auto = "auto",
    Libtorch = "libtorch",
    Winograd = "winograd",
});

/// Frames below which compiling the network takes longer than it saves. On two cores it costs about 0.1 s and saves 14 ms per
/// frame with AVX-512, 25 ms with AVX2.
const BREAK_EVEN_FRAMES: usize = 8;

/// How an engine is made.
#[derive(Debug, Clone, Copy)]
pub struct EngineOptions {
    /// Which one.
    pub choice: EngineChoice,
    /// Where it runs.
    pub device: Device,
    /// What it computes with.
    pub precision: Precision,
    /// Threads on the CPU.
    pub threads: usize,
    /// How many frames will be run, where that is known: few are not worth compiling for.
    pub frames: Option<usize>,
}

impl Default for EngineOptions {
    /// What suits this machine's processor, on one thread.
    fn default() -> Self {
        Self {
            choice: EngineChoice::default(),
            device: Device::Cpu,
            precision: Precision::default(),
            threads: 1,
            frames: None,
        }
    }
}

impl EngineOptions {
    /// The engine that these options choose.
    pub fn kind(&self) -> EngineKind {
        let few = self.frames.is_some_and(|frames| frames < BREAK_EVEN_FRAMES);
        match self.choice {
            EngineChoice::Winograd => EngineKind::Winograd,
            EngineChoice::Libtorch => EngineKind::Libtorch,
            EngineChoice::Auto
                if self.device == Device::Cpu && self.precision == Precision::Bf16 =>
            {
                EngineKind::Direct
            }
            EngineChoice::Auto if !cfg!(feature = "libtorch") => EngineKind::Winograd,
            EngineChoice::Auto
                if self.device == Device::Cpu && Winograd::is_fast_here() && !few =>
            {
                EngineKind::Winograd
            }
            EngineChoice::Auto => EngineKind::Libtorch,
        }
    }
}

/// What the engines compute with on a device of this machine.
pub fn precisions(device: Device) -> &'static [Precision] {
    match device {
        Device::Cpu if Amx::detect().is_some() => &[Precision::Fp32, Precision::Bf16],
        Device::Cpu => &[Precision::Fp32],
        Device::Cuda(_) => Precision::ALL,
    }
}

/// The engine that runs `network` with the tensors of `weights`, which are not needed afterwards.
///
/// # Errors
/// Winograd on another device than the CPU, another precision than an engine has on a CPU, libtorch in a program without it, and
/// what making the engine reports.
pub fn build(
    network: Network,
    weights: &Weights,
    options: &EngineOptions,
) -> Result<Box<dyn Engine>> {
    let EngineOptions {
        device,
        precision,
        threads,
        ..
    } = *options;
    let kind = options.kind();
    match (device, precision, kind) {
        (Device::Cpu, Precision::Bf16, EngineKind::Direct) => {
            direct::compile(network, weights, threads)
        }
        (Device::Cpu, Precision::Bf16, _) => Err(Error::Bf16(kind.name())),
        (Device::Cpu, Precision::Tf32 | Precision::Fp16, _) => Err(Error::Precision(precision)),
        (_, _, EngineKind::Libtorch) => libtorch(network, weights, device, precision),
        (Device::Cpu, ..) => Ok(Box::new(Winograd::compile(network, weights, threads)?)),
        (Device::Cuda(_), ..) => Err(Error::Device(device)),
    }
}

#[cfg(feature = "libtorch")]
fn libtorch(
    network: Network,
    weights: &Weights,
    device: Device,
    precision: Precision,
) -> Result<Box<dyn Engine>> {
    let engine = super::libtorch::Libtorch::new(network, weights, device, precision)?;
    Ok(Box::new(engine))
}

#[cfg(not(feature = "libtorch"))]
fn libtorch(_: Network, _: &Weights, _: Device, _: Precision) -> Result<Box<dyn Engine>> {
    Err(Error::NoLibtorch("the libtorch engine"))
}

/// Runs clips through the plain network on libtorch and shows `watch` the output of every module right after it was made;
/// ReLUs overwrite it next.
///
/// # Errors
/// Clips that do not fit, weights that cannot be read, a program without libtorch, and what libtorch reports.
#[cfg(feature = "libtorch")]
pub fn observe(
    network: Network,
    weights: &Weights,
    device: Device,
    clips: &ClipBatch,
    watch: &mut dyn FnMut(Observed<'_>),
) -> Result<()> {
    super::libtorch::observe(network, weights, device, clips, watch)
}

/// Needs libtorch, which this program was built without.
///
/// # Errors
/// [`Error::NoLibtorch`].
#[cfg(not(feature = "libtorch"))]
pub fn observe(
    _: Network,
    _: &Weights,
    _: Device,
    _: &ClipBatch,
    _: &mut dyn FnMut(Observed<'_>),
) -> Result<()> {
    Err(Error::NoLibtorch("watching activations"))
}

/// Bounds the threads that libtorch uses on the CPU, where this program has it.
pub fn bound_libtorch_threads(threads: usize) {
    #[cfg(feature = "libtorch")]
    tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
    #[cfg(not(feature = "libtorch"))]
    let _ = threads;
}
