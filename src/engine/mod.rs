//! Engines: ways to run the network on a device, all with one interface.

mod choice;
mod compiled;
mod device;
mod inference;
mod libtorch;
pub mod network;
pub mod winograd;

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub use choice::{EngineChoice, Precision};
pub use compiled::Compiled;
pub use device::{Device, DeviceError, DeviceRequest};
pub use libtorch::Libtorch;

use crate::network::{self as model, FEATURES, FRAME_SIZE};

/// Which implementation runs the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// The module tree on libtorch: any device, the reference.
    Libtorch,
    /// Winograd convolutions on the CPU in float32, compiled from the same tensors.
    Winograd,
}

/// Why an engine cannot be made, or a batch not be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The module tree or libtorch refuses.
    #[error(transparent)]
    Model(#[from] model::Error),
    /// The Winograd engine refuses.
    #[error(transparent)]
    Winograd(#[from] winograd::Error),
    /// The Winograd engine computes on the CPU only.
    #[error(
        "the winograd engine runs on the CPU, not on {0}; use --engine libtorch or --device cpu"
    )]
    Device(Device),
    /// Half precision is for GPUs: libtorch lacks some of its operators on the CPU, and the Winograd engine all.
    #[error("--precision {0} is for CUDA devices; a CPU computes in fp32")]
    Precision(Precision),
}

impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Self {
        Self::Model(error.into())
    }
}

/// The result of making or running an engine.
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Libtorch => "libtorch",
            Self::Winograd => "winograd",
        })
    }
}

/// Preprocessed clips side by side: `[clips, segments, 3, 224, 224]`, row-major.
#[derive(Debug, Clone)]
pub struct ClipBatch {
    /// All values, clip after clip.
    pub values: Vec<f32>,
    /// How many clips.
    pub clips: usize,
    /// Frames per clip.
    pub segments: usize,
}

impl ClipBatch {
    /// Values of one frame: 3 channels of 224 x 224.
    pub const FRAME_LEN: usize = 3 * (FRAME_SIZE * FRAME_SIZE) as usize;

    /// A batch of `clips` clips, all values zero.
    pub fn zeros(clips: usize, segments: usize) -> Self {
        Self {
            values: vec![0.0; clips * segments * Self::FRAME_LEN],
            clips,
            segments,
        }
    }

    /// Values of one clip.
    pub fn clip_len(&self) -> usize {
        self.segments * Self::FRAME_LEN
    }

    /// The values of clip `index`, to be filled.
    pub fn clip_mut(&mut self, index: usize) -> &mut [f32] {
        let len = self.clip_len();
        &mut self.values[index * len..][..len]
    }
}

/// What the network says about a batch.
#[derive(Debug, Clone)]
pub struct Output {
    /// `[clips, 512]`, the values before the head.
    pub features: Vec<f32>,
    /// `[clips, classes]`, before softmax.
    pub logits: Vec<f32>,
    /// Classes per clip.
    pub classes: usize,
}

impl Output {
    /// The 512 features of clip `index`.
    pub fn features_of(&self, index: usize) -> &[f32] {
        &self.features[index * FEATURES as usize..][..FEATURES as usize]
    }

    /// The logits of clip `index`.
    pub fn logits_of(&self, index: usize) -> &[f32] {
        &self.logits[index * self.classes..][..self.classes]
    }
}

/// Runs batches of clips through one network.
pub trait Engine {
    /// Which implementation this is.
    fn kind(&self) -> EngineKind;

    /// Where it runs.
    fn device(&self) -> Device;

    /// Frames per clip that it takes.
    fn segments(&self) -> usize;

    /// Features and logits of every clip of the batch.
    ///
    /// # Errors
    /// A batch with another number of segments, and what libtorch reports.
    fn run(&self, batch: &ClipBatch) -> Result<Output>;
}
