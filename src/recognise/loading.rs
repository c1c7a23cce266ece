//! From weights to an engine.

use super::{Labels, Options, RecogniseError, WeightsSource};
use crate::engine::{Device, Engine, EngineOptions, build};
use crate::network::Network;
use crate::recipe::KINETICS_CLASSES;
use crate::weights::{LabelSource, LoadError, Metadata, UnusableWeights, Weights};

/// Weights that were opened and fit the network, and where they come from.
pub struct OpenWeights {
    source: WeightsSource,
    weights: Weights,
}

impl OpenWeights {
    /// Opens weights and compares their names and shapes with the network's.
    ///
    /// # Errors
    /// [`RecogniseError::Weights`] when a file cannot be read or holds other tensors, [`RecogniseError::Unusable`] for partial weights.
    pub fn open(source: WeightsSource) -> Result<Self, RecogniseError> {
        let weights = match &source {
            WeightsSource::Demo => Weights::demo(),
            WeightsSource::File(path) => Weights::open(path),
            WeightsSource::MadeUp(architecture) => Weights::made_up(*architecture),
        };
        match weights {
            Ok(weights) => Ok(Self { source, weights }),
            Err(error) => Err(unusable(&source, error)),
        }
    }

    /// Opens weights that may lack their head, to fit one.
    ///
    /// # Errors
    /// As [`OpenWeights::open`].
    pub fn open_trunk(source: WeightsSource) -> Result<Self, RecogniseError> {
        let WeightsSource::File(path) = &source else {
            return Self::open(source);
        };
        match Weights::open_trunk(path) {
            Ok(weights) => Ok(Self { source, weights }),
            Err(error) => Err(unusable(&source, error)),
        }
    }

    /// Opens weights that may lack any tensor, to fit a network.
    ///
    /// # Errors
    /// As [`OpenWeights::open`].
    pub fn open_partial(source: WeightsSource) -> Result<Self, RecogniseError> {
        let WeightsSource::File(path) = &source else {
            return Self::open(source);
        };
        match Weights::open_partial(path) {
            Ok(weights) => Ok(Self { source, weights }),
            Err(error) => Err(unusable(&source, error)),
        }
    }

    /// Checks that all values are finite, to fit a network with them.
    ///
    /// # Errors
    /// [`RecogniseError::Unusable`] with the first tensor that has others.
    pub fn check_values(&self) -> Result<(), RecogniseError> {
        let checked = self.weights.check_values();
        checked.map_err(|error| unusable(&self.source, error))
    }

    /// Which weights these are.
    pub fn source(&self) -> &WeightsSource {
        &self.source
    }

    /// Their tensors.
    pub fn tensors(&self) -> &Weights {
        &self.weights
    }

    /// What they say about themselves.
    pub fn metadata(&self) -> &Metadata {
        self.weights.metadata()
    }

    /// Classes of the head.
    pub fn classes(&self) -> usize {
        self.weights.classes()
    }

    /// Values per clip before the head.
    pub fn features(&self) -> usize {
        self.weights.features()
    }

    /// The names of the classes: those of `chosen`, else the weights' own, else Kinetics' for 400 classes, else numbers.
    ///
    /// # Errors
    /// Names that cannot be read, or whose number is not that of the classes.
    pub fn labels(&self, chosen: Option<&LabelSource>) -> Result<Labels, RecogniseError> {
        let classes = self.classes();
        let names = match (chosen, &self.metadata().labels) {
            (Some(source), _) => source.read(Some(classes)).map_err(LoadError::from)?,
            (None, Some(names)) => names.clone(),
            // No other data set that ECO is used with has 400 classes.
            (None, None) if classes == KINETICS_CLASSES => LabelSource::kinetics400()
                .read(Some(classes))
                .map_err(LoadError::from)?,
            (None, None) => return Ok(Labels::numbered()),
        };
        Ok(Labels::from_names(names, classes)?)
    }

    /// The network that they are for, with `segments` frames per clip (by default the weights' own number).
    ///
    /// # Errors
    /// [`RecogniseError::Unusable`] for `segments` that do not fit.
    pub fn network(&self, segments: Option<usize>) -> Result<Network, RecogniseError> {
        let network = self.weights.network(segments);
        network.map_err(|error| unusable(&self.source, error.into()))
    }

    /// The engine that `options` choose, on `device`; `frames` is how many it will run, where that is known.
    pub(super) fn engine(
        &self,
        options: &Options,
        device: Device,
        threads: usize,
        frames: Option<usize>,
    ) -> Result<Box<dyn Engine>, RecogniseError> {
        let engine = EngineOptions {
            choice: options.engine,
            device,
            precision: options.precision,
            threads,
            frames,
        };
        Ok(build(
            self.network(options.segments)?,
            &self.weights,
            &engine,
        )?)
    }
}

/// Errors of files name the file themselves.
fn unusable(weights: &WeightsSource, error: UnusableWeights) -> RecogniseError {
    match error {
        UnusableWeights::Weights(error) => RecogniseError::Weights(error),
        source => RecogniseError::Unusable {
            weights: weights.clone(),
            source: Box::new(source),
        },
    }
}
