//! The embedded demo weights: a network that tells simple motions apart, in 100 kB.
//!
//! The official ECO weights can no longer be downloaded, so this is what shows a newcomer the network at work. The trunk's
//! convolutions are random, computed from a seed by [`seeded`]; the embedded file holds what is learnt: batch-norm
//! statistics and a linear head for six motions of a plain shape on a dark background. It knows nothing of Kinetics.
//! `scripts/make_demo.py` makes the file and measures it.

use std::borrow::Cow;

use rayon::prelude::*;

use super::seeded;
use crate::weights::error::WeightsError;
use crate::weights::header::{Header, HeaderError};
use crate::weights::metadata::Metadata;
use crate::weights::tensor::{Dtype, RawTensor, TensorSpec};

/// The embedded file: safetensors with the usual metadata, but without the tensors that the seed stands for.
///
/// Its `__metadata__` holds what every weights file of this program holds, and `eco.seed` in decimal.
pub const FILE: &[u8] = include_bytes!("../../../weights/demo.safetensors");

/// Why the demo weights do not make the network that was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The embedded file is not safetensors: the program was built from a damaged copy.
    #[error("the embedded demo weights cannot be read: {0}")]
    Unreadable(#[from] HeaderError),
    /// The embedded file's metadata does not parse.
    #[error("the embedded demo weights: {0}")]
    Metadata(#[from] WeightsError),
    /// The embedded file names no seed.
    #[error("the embedded demo weights name no seed")]
    NoSeed,
    /// The network has a tensor that is neither in the file nor a convolution's.
    #[error("the demo weights hold no tensor named {0}")]
    NoSuchTensor(String),
    /// The network wants another shape than the file holds.
    #[error("the demo weights hold {name} as {found:?}, the network wants {wanted:?}")]
    Shape {
        /// The tensor's state_dict name.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// Its shape in the network.
        wanted: Vec<usize>,
    },
}

/// What the embedded file says about itself.
///
/// # Errors
/// [`DemoError`], when this program was built from a damaged copy.
pub fn metadata() -> Result<Metadata, DemoError> {
    let header = Header::read(FILE)?;
    Ok(Metadata::from_map(&header.metadata)?.unwrap_or_default())
}

/// The whole state_dict for a network described by `specs`, in their order, named as they are.
///
/// A tensor of the file is taken as it is. Otherwise the weight of a convolution (three or more axes) comes from the seed,
/// and a bias is zero. The tensors are computed in parallel.
///
/// # Errors
/// [`DemoError`], when `specs` are not those of ECO-Lite with the file's number of classes.
pub fn state_dict(specs: &[TensorSpec]) -> Result<Vec<(String, RawTensor<'static>)>, DemoError> {
    let header = Header::read(FILE)?;
    let seed = seed(&header)?;
    specs
        .par_iter()
        .map(|spec| Ok((spec.name.clone(), tensor(&header, seed, spec)?)))
        .collect()
}

/// The seed of the convolutions, as the file names it.
fn seed(header: &Header) -> Result<u64, DemoError> {
    let seed = header
        .metadata
        .get("eco.seed")
        .and_then(|seed| seed.parse().ok());
    seed.ok_or(DemoError::NoSeed)
}

fn tensor(header: &Header, seed: u64, spec: &TensorSpec) -> Result<RawTensor<'static>, DemoError> {
    let mut stored = header.tensors.iter();
    if let Some((stored, at)) = stored.find(|(stored, _)| stored.name == spec.name) {
        if stored.shape != spec.shape {
            return Err(DemoError::Shape {
                name: spec.name.clone(),
                found: stored.shape.clone(),
                wanted: spec.shape.clone(),
            });
        }
        return Ok(RawTensor {
            dtype: stored.dtype,
            shape: spec.shape.clone(),
            data: Cow::Borrowed(&FILE[at.clone()]),
        });
    }
    let data = if spec.shape.len() > 2 {
        seeded::convolution(seed, &spec.name, &spec.shape)
    } else if spec.name.ends_with(".bias") {
        vec![0; spec.shape.iter().product::<usize>() * size_of::<f32>()]
    } else {
        return Err(DemoError::NoSuchTensor(spec.name.clone()));
    };
    Ok(RawTensor {
        dtype: Dtype::F32,
        shape: spec.shape.clone(),
        data: Cow::Owned(data),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A convolution with its batch norm, and the head: names and shapes as in the network.
    fn specs() -> Vec<TensorSpec> {
        let conv = "eco_2d.basic_conv.conv1_7x7_s2";
        [
            (format!("{conv}.weight"), vec![64, 3, 7, 7]),
            (format!("{conv}.bias"), vec![64]),
            (format!("{conv}_bn.weight"), vec![64]),
            (format!("{conv}_bn.running_var"), vec![64]),
            (format!("{conv}_bn.num_batches_tracked"), vec![]),
            ("fc_final.weight".to_string(), vec![6, 512]),
        ]
        .map(|(name, shape)| TensorSpec { name, shape })
        .to_vec()
    }

    fn f32s(tensor: &RawTensor) -> Vec<f32> {
        tensor
            .data
            .as_chunks()
            .0
            .iter()
            .map(|&value| f32::from_le_bytes(value))
            .collect()
    }

    fn all() -> Vec<(String, RawTensor<'static>)> {
        state_dict(&specs()).unwrap()
    }

    fn error_for(name: &str, shape: &[usize]) -> String {
        let spec = TensorSpec {
            name: name.into(),
            shape: shape.to_vec(),
        };
        state_dict(&[spec]).unwrap_err().to_string()
    }

    #[test]
    fn the_metadata_names_every_class() {
        let metadata = metadata().unwrap();
        assert_eq!(metadata.classes, Some(6));
        let labels = metadata.labels.unwrap();
        assert_eq!(labels.len(), 6);
        assert_eq!(labels[0], "moving left");
    }

    #[test]
    fn every_tensor_comes_back_in_order_with_its_shape() {
        let state_dict = all();
        for (spec, (name, tensor)) in specs().iter().zip(&state_dict) {
            assert_eq!((&spec.name, &spec.shape), (name, &tensor.shape));
            let size = if spec.shape.is_empty() { 8 } else { 4 };
            assert_eq!(
                tensor.data.len(),
                spec.shape.iter().product::<usize>() * size,
                "{name}"
            );
        }
        assert_eq!(state_dict.len(), specs().len());
    }

    #[test]
    fn convolutions_come_from_the_seed_and_have_zero_biases() {
        let seed = seed(&Header::read(FILE).unwrap()).unwrap();
        let [(name, kernel), (_, bias), ..] = &all()[..] else {
            panic!("two tensors at least");
        };
        assert_eq!(
            kernel.data.as_ref(),
            seeded::convolution(seed, name, &kernel.shape)
        );
        assert!(f32s(bias).iter().all(|&bias| bias == 0.0));
    }

    #[test]
    fn batch_norm_statistics_come_from_the_file() {
        let state_dict = all();
        assert!(
            f32s(&state_dict[3].1)
                .iter()
                .all(|&variance| variance > 0.0 && variance != 1.0)
        );
        assert_eq!(state_dict[4].1.dtype, Dtype::I64);
    }

    #[test]
    fn another_number_of_classes_is_an_error_with_both_shapes() {
        let message = error_for("fc_final.weight", &[400, 512]);
        assert!(
            message.contains("[6, 512]") && message.contains("[400, 512]"),
            "{message}"
        );
    }

    #[test]
    fn a_tensor_that_is_neither_stored_nor_a_convolution_is_an_error() {
        let message = error_for("eco_2d.unknown_bn.weight", &[64]);
        assert!(message.contains("eco_2d.unknown_bn.weight"), "{message}");
    }

    #[test]
    fn the_file_is_small() {
        assert!(FILE.len() < 1_000_000, "{} bytes", FILE.len());
    }
}
