//! The networks that a file is compared with.

use crate::network::{self, Network};
use crate::recipe::{Architecture, DEFAULT_SEGMENTS, KINETICS_CLASSES};
use crate::weights::tensor::TensorSpec;

/// A network's name and its state_dict. The classifier of a file may have another number of classes.
#[derive(Debug, Clone)]
pub struct Model {
    /// Which network it is.
    pub architecture: Architecture,
    /// Names and shapes of its tensors, in order.
    pub tensors: Vec<TensorSpec>,
}

impl Model {
    /// ECO as its authors define it.
    ///
    /// # Errors
    /// None: there is such a network.
    pub fn of(architecture: Architecture) -> network::Result<Self> {
        let network = Network::new(architecture, KINETICS_CLASSES, DEFAULT_SEGMENTS)?;
        Ok(Self {
            architecture,
            tensors: network.state_dict(),
        })
    }
}

/// The networks that a file may be for: at least one.
#[derive(Debug, Clone)]
pub struct Models {
    first: Model,
    others: Vec<Model>,
}

impl Models {
    /// Every network of the family: the file's tensors say which.
    ///
    /// # Errors
    /// None: there are such networks.
    pub fn every() -> network::Result<Self> {
        let [first, others @ ..] = Architecture::ALL;
        Ok(Self {
            first: Model::of(first)?,
            others: others
                .map(Model::of)
                .into_iter()
                .collect::<network::Result<_>>()?,
        })
    }

    /// One network that was asked for, or every one.
    ///
    /// # Errors
    /// As [`Models::every`].
    pub fn asked_for(architecture: Option<Architecture>) -> network::Result<Self> {
        architecture.map_or_else(Self::every, |architecture| {
            Ok(Model::of(architecture)?.into())
        })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Model> {
        [&self.first].into_iter().chain(&self.others)
    }

    /// The last of those that are named.
    pub fn last_of(&self, architectures: &[Architecture]) -> &Model {
        let named = |model: &&Model| architectures.contains(&model.architecture);
        self.iter().filter(named).last().unwrap_or(&self.first)
    }

    /// The one with the highest score; the first of equals.
    pub(super) fn best(&self, score: impl Fn(&Model) -> usize) -> &Model {
        let mut best = (&self.first, score(&self.first));
        for model in &self.others {
            let score = score(model);
            if score > best.1 {
                best = (model, score);
            }
        }
        best.0
    }
}

impl From<Model> for Models {
    fn from(first: Model) -> Self {
        Self {
            first,
            others: Vec::new(),
        }
    }
}
