//! From weights to an engine: the one file here that knows what engines are made of.

use super::{Error, Labels, Options, WeightsSource};
use crate::engine::{Device, Engine, network};
use crate::network::{EcoLite, FEATURES};
use crate::recipe::KINETICS_CLASSES;
use crate::weights::{Dtype, LabelSource, Loaded, Metadata, demo, open};

/// Weights that were opened and fit the network, with what they say about themselves.
pub struct OpenWeights {
    source: WeightsSource,
    metadata: Metadata,
    /// What the network's tensors lie in, where that is a file.
    loaded: Option<&'static Loaded>,
}

impl OpenWeights {
    /// Opens weights and compares their names and shapes with the network's.
    ///
    /// # Errors
    /// [`Error::Weights`] when a file cannot be read or holds other tensors, [`Error::Demo`] for a damaged program.
    pub fn open(source: WeightsSource) -> Result<Self, Error> {
        let (metadata, loaded) = match &source {
            WeightsSource::Demo => (demo::metadata()?, None),
            WeightsSource::File(path) => {
                let spec = network::spec(KINETICS_CLASSES).map_err(unusable(&source))?;
                // The tensors borrow from it, and nothing but the end of the process ends them for sure.
                let loaded: &'static Loaded = Box::leak(Box::new(open(path, &spec)?));
                (loaded.metadata().clone(), Some(loaded))
            }
        };
        Ok(Self {
            source,
            metadata,
            loaded,
        })
    }

    /// Which weights these are.
    pub fn source(&self) -> &WeightsSource {
        &self.source
    }

    /// What they say about themselves.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Classes of the head; 0 for a partial import without one.
    pub fn classes(&self) -> usize {
        self.metadata.classes.unwrap_or(0)
    }

    /// Values per clip before the head.
    pub fn features(&self) -> usize {
        FEATURES as usize
    }

    /// Element type of the tensor `name` in the file; the network has them all as float32.
    pub fn file_dtype(&self, name: &str) -> Dtype {
        let dtype = self.loaded.and_then(|loaded| loaded.file_dtype(name));
        dtype.unwrap_or(Dtype::F32)
    }

    /// The names of the classes: those of `chosen`, else the weights' own, else Kinetics' for 400 classes, else numbers.
    ///
    /// # Errors
    /// Names that cannot be read, or whose number is not that of the classes.
    pub fn labels(&self, chosen: Option<&LabelSource>) -> Result<Labels, Error> {
        let classes = self.classes();
        let names = match (chosen, &self.metadata.labels) {
            (Some(source), _) => source.read(Some(classes))?,
            (None, Some(names)) => names.clone(),
            // No other data set that ECO is used with has 400 classes.
            (None, None) if classes == KINETICS_CLASSES => {
                LabelSource::kinetics400().read(Some(classes))?
            }
            (None, None) => return Ok(Labels::numbered()),
        };
        Ok(Labels::from_names(names, classes)?)
    }

    /// The network as a tree of modules, with `segments` frames per clip (by default the weights' own number).
    ///
    /// # Errors
    /// [`Error::Network`] for partial weights, for `segments` that do not fit, and for what libtorch reports.
    pub fn network(&self, segments: Option<usize>, device: Device) -> Result<EcoLite, Error> {
        let segments = segments.unwrap_or(self.metadata.segments);
        match self.loaded {
            None => network::from_demo(segments, device),
            Some(loaded) => network::from_file(loaded, segments, device),
        }
        .map_err(unusable(&self.source))
    }

    /// The engine that `options` choose, on `device`; `frames` is how many it will run, where that is known.
    pub(super) fn engine(
        &self,
        options: &Options,
        device: Device,
        threads: usize,
        frames: Option<usize>,
    ) -> Result<Box<dyn Engine>, Error> {
        let network = self.network(options.segments, device)?;
        let precision = options.precision;
        Ok(options
            .engine
            .build(network, self.loaded, device, threads, frames, precision)?)
    }
}

fn unusable<E>(weights: &WeightsSource) -> impl FnOnce(E) -> Error + use<E>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let weights = weights.clone();
    move |source| Error::Network {
        weights,
        source: Box::new(source),
    }
}

/// Bounds the threads that libtorch's operators use.
pub(super) fn use_engine_threads(threads: usize) {
    tch::set_num_threads(threads.try_into().unwrap_or(i32::MAX));
}
