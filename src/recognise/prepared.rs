use super::threads::{threads_or_cores, workers};
use super::{OpenWeights, Options, RecogniseError};
use crate::clip::{self, ClipEntry, LoadOptions, OpenOptions, Pipeline, Turns, load_ahead};
use crate::engine::{Device, Engine};
use crate::recipe::{Preprocess, Sampling};

/// Views per batch on a GPU.
const GPU_BATCH: usize = 8;

/// Open weights, and everything that follows from them and the options: clips can be loaded while the engine is built.
pub struct Prepared {
    pub(super) weights: OpenWeights,
    pub(super) options: Options,
    device: Device,
    pub(super) preprocess: Preprocess,
    pub(super) sampling: Sampling,
    segments: usize,
    pub(super) threads: usize,
    /// Clips that are loaded at the same time.
    workers: usize,
    pub(super) batch: usize,
    pub(super) turns: Turns,
}

impl Prepared {
    /// Decides what `options` leave to the weights and the machine; `options.weights` is ignored.
    ///
    /// # Errors
    /// [`RecogniseError::Engine`] for a device that cannot be used.
    pub fn new(weights: OpenWeights, options: Options) -> Result<Self, RecogniseError> {
        let device = options.device.resolve()?;
        let metadata = weights.metadata();
        let (turns, batch) = match device {
            Device::Cpu => (Turns::alternating(), 1),
            Device::Cuda(_) => (Turns::beside(), GPU_BATCH),
        };
        let clips = options.expected_clips.unwrap_or(usize::MAX);
        Ok(Self {
            device,
            preprocess: options.preprocess.unwrap_or(metadata.preprocess),
            sampling: options.sampling.or(metadata.sampling).unwrap_or_default(),
            segments: options.segments.unwrap_or(metadata.segments),
            threads: threads_or_cores(options.threads),
            workers: workers(options.threads).min(clips).max(1),
            batch: options.batch.unwrap_or(batch).max(1),
            turns,
            weights,
            options,
        })
    }

    /// Begins to load clips, in their order. `entries` is read lazily, on another thread; it may be standard input.
    pub fn load<I>(&self, entries: I) -> Pipeline
    where
        I: IntoIterator<Item = clip::Result<ClipEntry>, IntoIter: Send + 'static>,
    {
        self.load_as(entries, self.load_options())
    }

    pub(super) fn load_as<I>(&self, entries: I, options: LoadOptions) -> Pipeline
    where
        I: IntoIterator<Item = clip::Result<ClipEntry>, IntoIter: Send + 'static>,
    {
        load_ahead(entries, options, self.workers)
    }

    /// Builds the engine.
    pub(super) fn engine(&self) -> Result<Box<dyn Engine>, RecogniseError> {
        let options = &self.options;
        let views = options.clips.max(1) * options.crops.count();
        // Windows multiply the answers by a number that is not known yet.
        let frames = options
            .expected_clips
            .filter(|_| options.sliding.is_none())
            .map(|clips| clips * views * self.segments);
        self.weights
            .engine(options, self.device, self.threads, frames)
    }

    /// What is taken of each clip, and how.
    pub(super) fn load_options(&self) -> LoadOptions {
        let options = &self.options;
        let per_clip = (self.threads / self.workers).max(1);
        LoadOptions {
            open: OpenOptions {
                threads: options.open.threads.or(Some(per_clip)),
                ..options.open.clone()
            },
            sampling: self.sampling,
            segments: self.segments,
            preprocess: self.preprocess,
            clips: options.clips,
            crops: options.crops,
            from: options.from,
            to: options.to,
            sliding: options.sliding,
            augmented: None,
            turns: self.turns.clone(),
        }
    }
}
