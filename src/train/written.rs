//! Trained weights as a file.

use std::borrow::Cow;
use std::path::Path;

use super::head::Head;
use crate::network::Network;
use crate::weights::{
    Dtype, Metadata, RawTensor, Training, UnusableWeights, Weights, WeightsError, write,
};

/// What is said about trained weights beside their values.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The names of the classes, where they have any.
    pub labels: Option<Vec<String>>,
    /// Metadata of the weights that the training started from, with what the clips were looked at with.
    pub metadata: Metadata,
    /// How the training went.
    pub training: Training,
}

/// Why trained weights cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The weights that the training started from cannot be read.
    #[error(transparent)]
    Start(#[from] UnusableWeights),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WeightsError),
}

/// Writes the network of `start` with another head, whole or not at all.
///
/// # Errors
/// [`WriteError`]; an earlier file is then as it was.
pub fn write_with_head(
    path: &Path,
    start: &Weights,
    head: &Head,
    trained: Trained,
) -> Result<(), WriteError> {
    let classes = head.bias.len();
    let network = Network::new(
        start.metadata().architecture,
        classes,
        trained.metadata.segments,
    );
    let network = network.map_err(UnusableWeights::from)?;
    let [weight, bias] = network.head_tensors();
    let mut tensors = Vec::new();
    for spec in network.state_dict() {
        let tensor = if spec.name == weight {
            floats(spec.shape, head.weight.iter())
        } else if spec.name == bias {
            floats(spec.shape, head.bias.iter())
        } else {
            start.tensor(&spec.name)?
        };
        tensors.push((spec.name, tensor));
    }
    Ok(write_network(path, &tensors, classes, trained)?)
}

/// Writes a network whose tensors are these, in the order of the state_dict, whole or not at all.
///
/// # Errors
/// [`WeightsError`]; an earlier file is then as it was.
pub fn write_network(
    path: &Path,
    tensors: &[(String, RawTensor<'_>)],
    classes: usize,
    trained: Trained,
) -> Result<(), WeightsError> {
    write(path, tensors, &metadata(trained, classes).to_map())
}

/// Values as they are computed with, rounded once.
fn floats<'v>(shape: Vec<usize>, values: impl Iterator<Item = &'v f64>) -> RawTensor<'static> {
    let bytes = values.flat_map(|&value| (value as f32).to_le_bytes());
    RawTensor {
        dtype: Dtype::F32,
        shape,
        data: Cow::Owned(bytes.collect()),
    }
}

/// The start's metadata without what is true of the start alone.
fn metadata(trained: Trained, classes: usize) -> Metadata {
    let mut assumed = trained.metadata.assumed;
    assumed.labels = trained.labels.is_none();
    Metadata {
        classes: Some(classes),
        labels: trained.labels,
        assumed,
        source_file: None,
        source_sha256: None,
        epoch: None,
        arch: None,
        best_prec1: None,
        missing: Vec::new(),
        eco_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        training: Some(trained.training),
        ..trained.metadata
    }
}
