use std::path::PathBuf;

use super::batcher::Batcher;
use super::outcomes::Outcomes;
use super::rows::RowMaker;
use super::threads::{threads_or_cores, workers};
use super::{Answer, Labels, OpenWeights, Options, RecogniseError, Row, RowOptions, Stop};
use crate::clip::{
    self, Augmented, ClipEntry, LoadOptions, OpenOptions, Pipeline, Turns, load_ahead,
};
use crate::engine::{Device, Engine};
use crate::recipe::{Preprocess, Sampling};

/// Views per batch on a GPU.
const GPU_BATCH: usize = 8;

/// Recognises what happens in clips. It is built once and can be used for any number of runs.
pub struct Recogniser {
    weights: OpenWeights,
    engine: Box<dyn Engine>,
    labels: Labels,
    options: Options,
    preprocess: Preprocess,
    sampling: Sampling,
    threads: usize,
    /// Clips that are loaded at the same time.
    workers: usize,
    batch: usize,
    turns: Turns,
}

impl Recogniser {
    /// Opens the weights and builds the engine that `options` ask for.
    ///
    /// # Errors
    /// [`RecogniseError`]: a device that cannot be used, weights that cannot be read or do not fit, labels of another network.
    pub fn new(options: Options) -> Result<Self, RecogniseError> {
        let weights = OpenWeights::open(options.weights.clone())?;
        Self::with_weights(weights, options)
    }

    /// Like [`Recogniser::new`], with weights that are open already; `options.weights` is ignored.
    ///
    /// # Errors
    /// As [`Recogniser::new`].
    pub fn with_weights(weights: OpenWeights, options: Options) -> Result<Self, RecogniseError> {
        let device = options.device.resolve()?;
        let threads = threads_or_cores(options.threads);
        let metadata = weights.metadata();
        let segments = options.segments.unwrap_or(metadata.segments);
        let views = options.clips.max(1) * options.crops.count();
        // Windows multiply the answers by a number that is not known yet.
        let frames = options
            .expected_clips
            .filter(|_| options.sliding.is_none())
            .map(|clips| clips * views * segments);
        let engine = weights.engine(&options, device, threads, frames)?;
        let labels = weights.labels(options.labels.as_ref())?;
        let (turns, batch) = match device {
            Device::Cpu => (Turns::alternating(), 1),
            Device::Cuda(_) => (Turns::beside(), GPU_BATCH),
        };
        let clips = options.expected_clips.unwrap_or(usize::MAX);
        Ok(Self {
            engine,
            labels,
            preprocess: options.preprocess.unwrap_or(metadata.preprocess),
            sampling: options.sampling.or(metadata.sampling).unwrap_or_default(),
            threads,
            workers: workers(options.threads).min(clips).max(1),
            batch: options.batch.unwrap_or(batch).max(1),
            turns,
            weights,
            options,
        })
    }

    /// Classifies the clips at `paths` (directories of frames or videos), in their order.
    ///
    /// The next clips are loaded while the network runs. For the items, see [`Recogniser::recognise_until`].
    pub fn recognise(&self, paths: impl IntoIterator<Item: Into<PathBuf>>) -> Outcomes<'_> {
        let entries = paths
            .into_iter()
            .map(|path| Ok(ClipEntry::from(path.into())));
        self.recognise_until(&Stop::default(), entries.collect::<Vec<_>>())
    }

    /// Classifies clips in their order until `stop` is asked. Yields one [`Answer`] per clip or, with [`Options::sliding`], per
    /// window. An entry that is an error becomes an answer with that error.
    ///
    /// `entries` is read lazily, on another thread; it may be standard input. An `Err` item ends the run.
    pub fn recognise_until<I>(&self, stop: &Stop, entries: I) -> Outcomes<'_>
    where
        I: IntoIterator<Item = clip::Result<ClipEntry>, IntoIter: Send + 'static>,
    {
        self.recognise_varied(stop, entries, None)
    }

    /// As [`Recogniser::recognise_until`], with more answers about each clip: about variations of it, after the one about the
    /// clip as it is.
    pub fn recognise_varied<I>(
        &self,
        stop: &Stop,
        entries: I,
        augmented: Option<Augmented>,
    ) -> Outcomes<'_>
    where
        I: IntoIterator<Item = clip::Result<ClipEntry>, IntoIter: Send + 'static>,
    {
        let options = LoadOptions {
            augmented,
            ..self.load_options()
        };
        let loaded = load_ahead(entries, options, self.workers);
        let engine = self.engine.as_ref();
        let batcher = Batcher::new(engine, &self.turns, self.preprocess, self.batch);
        let batcher = match self.shares_maps() {
            true => batcher.sharing(self.options.crops.count()),
            false => batcher,
        };
        Outcomes::new(loaded, batcher, stop.clone())
    }

    /// Whether there are windows that may share frames. On a GPU it would take longer to move maps than to make them.
    fn shares_maps(&self) -> bool {
        let overlaps = self
            .options
            .sliding
            .is_some_and(|sliding| sliding.overlaps());
        overlaps && self.engine.device() == Device::Cpu
    }

    /// Loads clips as the network sees them, without running it, in their order.
    pub fn load(&self, entries: Vec<ClipEntry>) -> Pipeline {
        let entries = entries.into_iter().map(Ok);
        load_ahead(entries, self.load_options(), self.workers)
    }

    /// The row that shows an answer.
    pub fn row(&self, answer: &Answer, shown: &RowOptions) -> Row {
        let maker = RowMaker {
            options: shown,
            labels: &self.labels,
            engine: self.engine.kind().to_string(),
            parts: self.options.selects_parts(),
        };
        maker.row(answer)
    }

    /// The weights in use.
    pub fn weights(&self) -> &OpenWeights {
        &self.weights
    }

    /// The engine.
    pub fn engine(&self) -> &dyn Engine {
        self.engine.as_ref()
    }

    /// One label per class.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The options it was built with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// How frames become the network's input.
    pub fn preprocess(&self) -> Preprocess {
        self.preprocess
    }

    /// The formula that picks frames.
    pub fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// Threads of the network.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Views per batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// What is taken of each clip, and how.
    pub fn load_options(&self) -> LoadOptions {
        let options = &self.options;
        let per_clip = (self.threads / self.workers).max(1);
        LoadOptions {
            open: OpenOptions {
                threads: options.open.threads.or(Some(per_clip)),
                ..options.open.clone()
            },
            sampling: self.sampling,
            segments: self.engine.segments(),
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
