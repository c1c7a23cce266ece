//! What every engine offers: clips in, features and logits out.

use serde::{Deserialize, Serialize};

use super::cpu::large_pages;
use super::device::Device;
use super::error::{Error, Result};
use super::output::Output;
use super::precision::Precision;
use super::queue::Queue;
use crate::network::{Module, Network};
use crate::recipe::{CHANNELS, FRAME_SIZE, Preprocess};
use crate::text::names;

/// Values of one frame: 3 channels of 224 x 224.
pub(super) const FRAME_LEN: usize = CHANNELS * FRAME_SIZE * FRAME_SIZE;

/// Which implementation runs the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// The module tree on libtorch: any device, the reference.
    Libtorch,
    /// Winograd convolutions on the CPU in float32.
    Winograd,
    /// Direct convolutions on the CPU in bfloat16, on AMX.
    Direct,
}

names!(EngineKind {
    Libtorch = "libtorch",
    Winograd = "winograd",
    Direct = "direct",
});

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
    pub const FRAME_LEN: usize = FRAME_LEN;

    /// A batch of `clips` clips, all values zero.
    pub fn zeros(clips: usize, segments: usize) -> Self {
        let values = vec![0.0; clips * segments * Self::FRAME_LEN];
        large_pages::ask_for_a_while(&values);
        Self {
            values,
            clips,
            segments,
        }
    }

    /// `[clips, segments, 3, 224, 224]`.
    pub fn shape(&self) -> [usize; 5] {
        [self.clips, self.segments, CHANNELS, FRAME_SIZE, FRAME_SIZE]
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

/// What the network makes of some frames by themselves, one after the other: the map that the 3D net reads, and in ECO-Full
/// the frame's features of the 2D net after it. Each frame's part depends on that frame alone, so that parts can be kept and
/// put together anew. How the values of a frame lie is the engine's business.
#[derive(Debug, Clone, PartialEq)]
pub struct Maps {
    values: Vec<f32>,
    frames: usize,
}

impl Maps {
    /// The maps of `frames` frames, equally long.
    pub fn new(values: Vec<f32>, frames: usize) -> Self {
        Self { values, frames }
    }

    /// How many frames.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// All values, frame after frame.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values of frame `index`.
    pub fn frame(&self, index: usize) -> &[f32] {
        let len = self.values.len() / self.frames.max(1);
        &self.values[index * len..][..len]
    }

    /// The maps of the given frames of these, in that order.
    pub fn select(&self, frames: &[usize]) -> Self {
        let values = frames.iter().flat_map(|&frame| self.frame(frame));
        Self::new(values.copied().collect(), frames.len())
    }

    /// Adds the maps of other frames, made by the same engine.
    pub fn append(&mut self, other: &Self) {
        self.values.extend_from_slice(&other.values);
        self.frames += other.frames;
    }
}

/// An output of a module in a forward pass that is watched.
pub struct Observed<'a> {
    /// Full name; empty for the whole network.
    pub path: &'a str,
    /// The module.
    pub module: &'a Module,
    /// Which of its outputs; `None` where it has one.
    pub output: Option<usize>,
    /// Shape of the output.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: &'a [f32],
}

impl Observed<'_> {
    /// The full name, with the number of the output where the module has several: `eco_2d[0]`.
    pub fn name(&self) -> String {
        match self.output {
            Some(output) => format!("{}[{output}]", self.path),
            None => self.path.to_owned(),
        }
    }
}

/// Runs batches of clips through one network.
pub trait Engine: Send {
    /// Which implementation this is.
    fn kind(&self) -> EngineKind;

    /// Where it runs.
    fn device(&self) -> Device;

    /// What it computes with.
    fn precision(&self) -> Precision;

    /// What it runs.
    fn network(&self) -> &Network;

    /// Frames per clip that it takes.
    fn segments(&self) -> usize {
        self.network().segments()
    }

    /// Runs the 2D net on some frames, `[frames, 3, 224, 224]`: [`Network::map_len`] values of each.
    ///
    /// # Errors
    /// Values that are no whole frames, and what libtorch reports.
    fn maps(&self, frames: &[f32]) -> Result<Maps>;

    /// Runs the 3D net and the head on the maps of whole clips: `segments` frames each, in order.
    ///
    /// # Errors
    /// Maps that are no whole clips, and what libtorch reports.
    fn answer(&self, maps: &Maps) -> Result<Output>;

    /// Features and logits of every clip of the batch: `maps`, then `answer`.
    ///
    /// # Errors
    /// A batch with another number of segments, and what libtorch reports.
    fn run(&self, batch: &ClipBatch) -> Result<Output>;

    /// Batches of pixels in the device's hands, for an engine whose device computes by itself; the preprocessing says what is taken
    /// from pixels. `None` if the engine computes where it is called.
    ///
    /// # Errors
    /// What libtorch reports.
    fn queue(&self, _preprocess: Preprocess) -> Result<Option<Box<dyn Queue + '_>>> {
        Ok(None)
    }

    /// How many frames so many values are.
    ///
    /// # Errors
    /// [`Error::Length`].
    fn frames(&self, values: usize) -> Result<usize> {
        whole(values, FRAME_LEN, "frames")
    }

    /// How many clips these maps are.
    ///
    /// # Errors
    /// [`Error::Length`].
    fn clips(&self, maps: &Maps) -> Result<usize> {
        let network = self.network();
        whole(
            maps.values().len(),
            network.segments() * network.map_len(),
            "clips' maps",
        )
    }
}

fn whole(found: usize, length: usize, unit: &'static str) -> Result<usize> {
    match found {
        0 => Err(Error::Length {
            unit,
            length,
            found,
        }),
        _ if !found.is_multiple_of(length) => Err(Error::Length {
            unit,
            length,
            found,
        }),
        _ => Ok(found / length),
    }
}
