//! The tensors that a fit starts with.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::error::Result;
use crate::engine::{self, Device};
use crate::network::{Network, TensorSpec, is_of_the_head};
use crate::random::{Draws, fnv1a};
use crate::weights::{RawTensor, Weights};

/// Tensors by their full names.
pub(super) type Tensors = HashMap<String, Tensor>;

/// Where the head comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// The weights, where their classes are as many as are wanted; else it is new.
    Kept,
    /// It is new: the classes are others, though they may be as many.
    New,
}

/// The tensors of `network`: copies of those of `weights`, and new ones where there are none. Returns the names of the new
/// ones too.
///
/// # Errors
/// Weights that cannot be read or are of another network, and what libtorch reports.
pub(super) fn start(
    network: &Network,
    weights: &Weights,
    head: Head,
    seed: u64,
    device: Device,
) -> Result<(Tensors, Vec<String>)> {
    let is_kept = head == Head::Kept && weights.classes() == network.classes();
    let mut tensors = Tensors::new();
    let mut new = Vec::new();
    for spec in network.state_dict() {
        let is_there = weights.contains(&spec.name) && (is_kept || !is_of_the_head(&spec.name));
        let tensor = if is_there {
            owned(&spec, &weights.tensor(&spec.name)?, device)?
        } else {
            new.push(spec.name.clone());
            initial(&spec, seed, device)?
        };
        tensors.insert(spec.name, tensor);
    }
    weights.release_pages();
    Ok((tensors, new))
}

/// A tensor with memory of its own: that of a mapped file cannot be written.
///
/// # Errors
/// Another shape than the network's, and what libtorch reports.
pub(super) fn owned(spec: &TensorSpec, raw: &RawTensor<'_>, device: Device) -> Result<Tensor> {
    if raw.shape != spec.shape {
        return Err(engine::Error::TensorShape {
            name: spec.name.clone(),
            found: raw.shape.clone(),
            expected: spec.shape.clone(),
        }
        .into());
    }
    let kind = match spec.is_counter() {
        true => Kind::Int64,
        false => Kind::Float,
    };
    let tensor = Tensor::f_from_data_size(&raw.data, &size(&spec.shape), kind)?;
    Ok(tensor.f_to_device(device.into())?)
}

/// A tensor as the authors begin with it: weights evenly between `-sqrt(6 / (inputs + outputs))` and its opposite (Glorot and
/// Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010), batch norms that do
/// nothing, biases 0.
///
/// Source: mzolfaghari/ECO-pytorch @ b175e7c, `main.py`, but for running variances, which are 0 there. A batch norm that
/// normalises by its running statistics before it has seen many batches would divide by almost nothing.
pub(super) fn initial(spec: &TensorSpec, seed: u64, device: Device) -> Result<Tensor> {
    let options = (Kind::Float, device.into());
    let (_, name) = spec.name.rsplit_once('.').unwrap_or_default();
    let size = size(&spec.shape);
    Ok(match (name, &spec.shape[..]) {
        _ if spec.is_counter() => Tensor::f_zeros(size, (Kind::Int64, device.into()))?,
        ("weight", [outputs, inputs, kernel @ ..]) => {
            let per_input: usize = kernel.iter().product();
            let bound = (6.0 / ((inputs + outputs) * per_input) as f64).sqrt();
            let mut draws = Draws::new(seed, &[fnv1a("initial"), fnv1a(&spec.name)]);
            let count = spec.shape.iter().product();
            let values: Vec<f32> = (0..count)
                .map(|_| ((2.0 * draws.unit() - 1.0) * bound) as f32)
                .collect();
            let tensor = Tensor::f_from_slice(&values)?.f_view(&size[..])?;
            tensor.f_to_device(device.into())?
        }
        ("weight" | "running_var", _) => Tensor::f_ones(size, options)?,
        _ => Tensor::f_zeros(size, options)?,
    })
}

/// A shape as libtorch takes it.
pub(super) fn size(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&extent| extent as i64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, shape: &[usize]) -> Tensor {
        let spec = TensorSpec {
            name: name.into(),
            shape: shape.to_vec(),
        };
        initial(&spec, 5, Device::Cpu).unwrap()
    }

    #[test]
    fn a_new_head_is_spread_evenly_within_the_bound_of_its_size() {
        let weight = tensor("fc_final.weight", &[101, 512]);
        let bound = (6.0_f64 / (101.0 + 512.0)).sqrt();
        let largest = weight.abs().max().double_value(&[]);
        assert!(
            largest < bound + 1e-8 && largest > 0.999 * bound,
            "{largest}"
        );
        let deviation = weight.std(false).double_value(&[]);
        assert!((deviation / (bound / 3.0_f64.sqrt()) - 1.0).abs() < 0.01);
        assert_eq!(tensor("fc_final.bias", &[101]).abs().max(), 0.0.into());
        assert_eq!(weight, tensor("fc_final.weight", &[101, 512]));
        assert_ne!(weight, tensor("fc_other.weight", &[101, 512]));
    }

    #[test]
    fn a_new_batch_norm_does_nothing() {
        let ones = Tensor::from_slice(&[1.0_f32; 3]);
        assert_eq!(tensor("a_bn.weight", &[3]), ones);
        assert_eq!(tensor("a_bn.running_var", &[3]), ones);
        assert_eq!(tensor("a_bn.bias", &[3]), &ones - 1.0);
        assert_eq!(tensor("a_bn.running_mean", &[3]), &ones - 1.0);
        let counter = tensor("a_bn.num_batches_tracked", &[]);
        assert_eq!((counter.kind(), counter.int64_value(&[])), (Kind::Int64, 0));
    }
}
