//! Weights that a network can be made of: a file that was opened, or the embedded demo.

use std::borrow::Cow;
use std::path::Path;

use super::container::checkpoint::Checkpoint;
use super::matching::compare::Strictness;
use super::matching::load::{LoadError, LoadOptions, Loaded, open, open_with};
use super::matching::model::Models;
use super::metadata::Metadata;
use super::store::demo::{self, DemoError};
use super::store::seeded;
use super::tensor::{Dtype, RawTensor};
use crate::network::{self, Network, TensorSpec, is_of_the_head};
use crate::recipe::{Architecture, DEFAULT_SEGMENTS, KINETICS_CLASSES};

/// Why weights do not make a network.
#[derive(Debug, thiserror::Error)]
pub enum UnusableWeights {
    /// The file cannot be used.
    #[error(transparent)]
    Weights(#[from] LoadError),
    /// The embedded demo cannot be used.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// There is no such network.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// A partial import left tensors without values.
    #[error(
        "these weights are partial: {missing} of the network's tensors have no values (the first is {first}); \
         import a complete checkpoint to run it"
    )]
    Partial {
        /// Tensors without values.
        missing: usize,
        /// The first of them.
        first: String,
    },
    /// Some values are NaN or infinite.
    #[error(
        "{values} of the weights' values are NaN or infinite, the first of them in {first}: the file is damaged, or a \
         training that made it went wrong"
    )]
    NotFinite {
        /// Such values in all tensors.
        values: usize,
        /// The first tensor that has any.
        first: String,
    },
    /// The weights have no tensor of this name, though the network that was made for them has.
    #[error("the weights have no tensor {0}")]
    NoSuchTensor(String),
}

/// Weights with all tensors of a network, read on demand.
pub struct Weights {
    source: Source,
    metadata: Metadata,
    specs: Vec<TensorSpec>,
    classes: usize,
    features: usize,
}

/// The error for a file that says that it is partial.
fn partial(path: &Path) -> Option<UnusableWeights> {
    let checkpoint = Checkpoint::open(path).ok()?;
    let missing = Metadata::from_map(checkpoint.metadata()).ok()??.missing;
    Some(UnusableWeights::Partial {
        missing: missing.len(),
        first: missing.into_iter().next()?,
    })
}

/// Any seed will do.
const MADE_UP_SEED: u64 = 0;

enum Source {
    File(Box<Loaded>),
    Demo,
    MadeUp,
}

impl Weights {
    /// Opens a file with the tensors of a network of the family, in any container; the head may have any number of classes.
    ///
    /// # Errors
    /// Those of [`open`], and a file of which a partial import says that it lacks tensors.
    pub fn open(path: &Path) -> Result<Self, UnusableWeights> {
        let loaded = open(path, &Models::every()?).map_err(|error| match error {
            LoadError::Mismatch(_) => partial(path).unwrap_or(error.into()),
            _ => error.into(),
        })?;
        let metadata = loaded.metadata().clone();
        Self::new(loaded.classes(), metadata, Source::File(Box::new(loaded)))
    }

    /// Opens a file that may lack tensors, to start a fit from: [`Weights::contains`] tells which are there. Without a head
    /// there are 0 classes, and no network.
    ///
    /// # Errors
    /// Those of [`open_with`].
    pub fn open_partial(path: &Path) -> Result<Self, UnusableWeights> {
        let options = LoadOptions {
            strictness: Strictness::Partial,
            ..LoadOptions::default()
        };
        let loaded = open_with(path, &Models::every()?, &options)?;
        let metadata = loaded.metadata().clone();
        let classes = loaded.classes().unwrap_or_default();
        let network = Network::new(metadata.architecture, classes.max(1), DEFAULT_SEGMENTS)?;
        Ok(Self {
            source: Source::File(Box::new(loaded)),
            specs: network.state_dict(),
            metadata,
            classes,
            features: network.features(),
        })
    }

    /// Opens a file that may lack its head, and nothing else: there is then one of a single class, of zeros.
    ///
    /// # Errors
    /// Those of [`Weights::open`].
    pub fn open_trunk(path: &Path) -> Result<Self, UnusableWeights> {
        let partial = Self::open_partial(path)?;
        let is_there =
            |spec: &TensorSpec| is_of_the_head(&spec.name) || partial.contains(&spec.name);
        if partial.classes > 0 || !partial.specs.iter().all(is_there) {
            return Self::open(path);
        }
        Ok(Self {
            classes: 1,
            ..partial
        })
    }

    /// The embedded demo.
    ///
    /// # Errors
    /// [`UnusableWeights::Demo`] when this program was built from a damaged copy.
    pub fn demo() -> Result<Self, UnusableWeights> {
        let metadata = demo::metadata()?;
        Self::new(metadata.classes, metadata, Source::Demo)
    }

    /// Random values for a network with Kinetics' number of classes: the same ones every time, and no file.
    ///
    /// # Errors
    /// None for the networks that are known.
    pub fn made_up(architecture: Architecture) -> Result<Self, UnusableWeights> {
        let metadata = Metadata {
            architecture,
            classes: Some(KINETICS_CLASSES),
            ..Metadata::default()
        };
        Self::new(metadata.classes, metadata, Source::MadeUp)
    }

    fn new(
        classes: Option<usize>,
        metadata: Metadata,
        source: Source,
    ) -> Result<Self, UnusableWeights> {
        let classes = classes.unwrap_or_default();
        let network = Network::new(metadata.architecture, classes, DEFAULT_SEGMENTS)?;
        Ok(Self {
            source,
            specs: network.state_dict(),
            metadata,
            classes: network.classes(),
            features: network.features(),
        })
    }

    /// The network that these weights are for, with `segments` frames per clip; the weights' own number where that is
    /// `None`.
    ///
    /// # Errors
    /// [`network::Error::Segments`].
    pub fn network(&self, segments: Option<usize>) -> network::Result<Network> {
        let segments = segments.unwrap_or(self.metadata.segments);
        Network::new(self.metadata.architecture, self.classes, segments)
    }

    /// What the weights say about themselves.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Classes of the head.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Values per clip before the head.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Whether these are the embedded demo.
    pub fn is_demo(&self) -> bool {
        matches!(self.source, Source::Demo)
    }

    /// Names and shapes of the tensors, in the order of PyTorch's `state_dict()`.
    pub fn specs(&self) -> &[TensorSpec] {
        &self.specs
    }

    /// Whether there is a tensor `name`.
    pub fn contains(&self, name: &str) -> bool {
        match &self.source {
            Source::File(loaded) => loaded.contains(name),
            Source::Demo | Source::MadeUp => self.specs.iter().any(|spec| spec.name == name),
        }
    }

    /// The tensor `name` as float32, a counter as int64: borrowed from the mapped file where that holds it so.
    ///
    /// # Errors
    /// A name that the network does not have, and damaged bytes.
    pub fn tensor(&self, name: &str) -> Result<RawTensor<'_>, UnusableWeights> {
        let missing = || UnusableWeights::NoSuchTensor(name.to_owned());
        let spec = || {
            let spec = self.specs.iter().find(|spec| spec.name == name);
            spec.ok_or_else(missing)
        };
        match &self.source {
            Source::File(loaded) if !loaded.contains(name) && is_of_the_head(name) => {
                let shape = spec()?.shape.clone();
                let bytes = shape.iter().product::<usize>() * size_of::<f32>();
                Ok(RawTensor {
                    dtype: Dtype::F32,
                    shape,
                    data: vec![0; bytes].into(),
                })
            }
            Source::File(loaded) => Ok(loaded.tensor(name).map_err(LoadError::from)?),
            Source::Demo => {
                let spec = std::slice::from_ref(spec()?);
                let (_, tensor) = demo::state_dict(spec)?.pop().ok_or_else(missing)?;
                Ok(tensor)
            }
            Source::MadeUp => Ok(seeded::tensor(MADE_UP_SEED, spec()?)),
        }
    }

    /// The values of the float32 tensor `name`, row-major: borrowed from the mapped file where that holds them so.
    ///
    /// # Errors
    /// As [`Weights::tensor`], and for a counter.
    pub fn floats(&self, name: &str) -> Result<Cow<'_, [f32]>, UnusableWeights> {
        let missing = || UnusableWeights::NoSuchTensor(name.to_owned());
        self.tensor(name)?.into_f32s().ok_or_else(missing)
    }

    /// Checks that all values are finite, to fit a network with them. The ones that this program brings always are.
    ///
    /// # Errors
    /// [`UnusableWeights::NotFinite`], and damaged bytes.
    pub fn check_values(&self) -> Result<(), UnusableWeights> {
        let Source::File(loaded) = &self.source else {
            return Ok(());
        };
        let (mut values, mut first) = (0, None);
        for spec in self.specs.iter().filter(|spec| loaded.contains(&spec.name)) {
            let found = self.tensor(&spec.name)?.non_finite();
            values += found;
            if found > 0 {
                first.get_or_insert_with(|| spec.name.clone());
            }
        }
        loaded.release_pages();
        match first {
            None => Ok(()),
            Some(first) => Err(UnusableWeights::NotFinite { values, first }),
        }
    }

    /// Element type of the tensor `name` where it comes from.
    pub fn file_dtype(&self, name: &str) -> Dtype {
        let dtype = match &self.source {
            Source::File(loaded) => loaded.file_dtype(name),
            Source::Demo | Source::MadeUp => None,
        };
        dtype.unwrap_or(Dtype::F32)
    }

    /// Lets the system drop the pages of a mapped file that have been read; they are read again when needed.
    pub fn release_pages(&self) {
        if let Source::File(loaded) = &self.source {
            loaded.release_pages();
        }
    }
}
