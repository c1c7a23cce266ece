use std::path::PathBuf;

use super::batcher::Batcher;
use super::outcomes::Outcomes;
use super::rows::RowMaker;
use super::{
    Answer, Labels, OpenWeights, Options, Prepared, RecogniseError, Row, RowOptions, Stop,
};
use crate::clip::{self, Augmented, ClipEntry, LoadOptions, Pipeline};
use crate::engine::{Device, Engine};
use crate::recipe::{Preprocess, Sampling};

/// Recognises what happens in clips. It is built once and can be used for any number of runs.
pub struct Recogniser {
    prepared: Prepared,
    engine: Box<dyn Engine>,
    labels: Labels,
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
        Self::of(Prepared::new(weights, options)?)
    }

    /// Builds the engine.
    ///
    /// # Errors
    /// As [`Recogniser::new`].
    pub fn of(prepared: Prepared) -> Result<Self, RecogniseError> {
        let engine = prepared.engine()?;
        let labels = prepared.weights.labels(prepared.options.labels.as_ref())?;
        Ok(Self {
            prepared,
            engine,
            labels,
        })
    }

    /// Builds the engine and begins to load clips, in their order: beside the building where there are threads for both. With one
    /// thread the building comes first. It cannot be one of the network's turns: it uses the threads that decode frames, and
    /// all of them could be waiting for it to end.
    ///
    /// # Errors
    /// As [`Recogniser::new`].
    pub fn begin<I>(prepared: Prepared, entries: I) -> Result<(Self, Pipeline), RecogniseError>
    where
        I: IntoIterator<Item = clip::Result<ClipEntry>, IntoIter: Send + 'static>,
    {
        if prepared.threads == 1 {
            let recogniser = Self::of(prepared)?;
            let clips = recogniser.prepared.load(entries);
            return Ok((recogniser, clips));
        }
        let clips = prepared.load(entries);
        Ok((Self::of(prepared)?, clips))
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
        self.recognise_loaded(stop, self.prepared.load_as(entries, options))
    }

    /// As [`Recogniser::recognise_until`], for clips that [`Prepared::load`] has begun to load.
    pub fn recognise_loaded(&self, stop: &Stop, clips: Pipeline) -> Outcomes<'_> {
        let Prepared {
            turns,
            preprocess,
            batch,
            options,
            ..
        } = &self.prepared;
        let batcher = Batcher::new(self.engine.as_ref(), turns, *preprocess, *batch);
        let batcher = match self.shares_maps() {
            true => batcher.sharing(options.crops.count()),
            false => batcher,
        };
        let queue = match self.engine.device() {
            Device::Cpu => Ok(None),
            Device::Cuda(_) => self.engine.queue(*preprocess),
        };
        match queue {
            Ok(None) => Outcomes::new(clips, batcher, stop.clone()),
            Ok(Some(queue)) => Outcomes::new(clips, batcher.queueing(queue), stop.clone()),
            Err(error) => Outcomes::new(clips, batcher, stop.clone()).failing(error.into()),
        }
    }

    /// Whether there are windows that may share frames. On a GPU it would take longer to move maps than to make them.
    fn shares_maps(&self) -> bool {
        let overlaps = self
            .prepared
            .options
            .sliding
            .is_some_and(|sliding| sliding.overlaps());
        overlaps && self.engine.device() == Device::Cpu
    }

    /// Loads clips as the network sees them, without running it, in their order.
    pub fn load(&self, entries: Vec<ClipEntry>) -> Pipeline {
        self.prepared.load(entries.into_iter().map(Ok))
    }

    /// The row that shows an answer.
    pub fn row(&self, answer: &Answer, shown: &RowOptions) -> Row {
        let maker = RowMaker {
            options: shown,
            labels: &self.labels,
            engine: self.engine.kind().to_string(),
            precision: self.engine.precision(),
            parts: self.options().selects_parts(),
        };
        maker.row(answer)
    }

    /// The weights in use.
    pub fn weights(&self) -> &OpenWeights {
        &self.prepared.weights
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
        &self.prepared.options
    }

    /// How frames become the network's input.
    pub fn preprocess(&self) -> Preprocess {
        self.prepared.preprocess
    }

    /// The formula that picks frames.
    pub fn sampling(&self) -> Sampling {
        self.prepared.sampling
    }

    /// Threads of the network.
    pub fn threads(&self) -> usize {
        self.prepared.threads
    }

    /// Views per batch.
    pub fn batch(&self) -> usize {
        self.prepared.batch
    }

    /// What is taken of each clip, and how.
    pub fn load_options(&self) -> LoadOptions {
        self.prepared.load_options()
    }
}
