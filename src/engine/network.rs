use std::borrow::Cow;
use std::collections::HashMap;

use tch::{Kind, Tensor};
use thiserror::Error;

use super::Device;
use crate::network::{self as model, DEFAULT_SEGMENTS, EcoLite, Shapes, Source, state_dict};
use crate::weights::{Loaded, Metadata, RawTensor, TensorSpec, WeightsError, demo};

/// Why weights do not become a network.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// The file cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The embedded demo cannot be used.
    #[error(transparent)]
    Demo(#[from] demo::DemoError),
    /// The network refuses the tensors.
    #[error(transparent)]
    Model(#[from] model::Error),
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
}

/// The state_dict that ECO-Lite wants: names and shapes in PyTorch's order, with the head of `classes` classes.
///
/// # Errors
/// No classes, and what libtorch reports.
pub fn spec(classes: usize) -> model::Result<Vec<TensorSpec>> {
    let net = EcoLite::new(classes as i64, DEFAULT_SEGMENTS, &mut Shapes)?;
    let shape = |tensor: &Tensor| {
        tensor
            .size()
            .iter()
            .map(|&length| length as usize)
            .collect()
    };
    let specs = state_dict(&net).into_iter();
    Ok(specs
        .map(|entry| TensorSpec {
            name: entry.name,
            shape: shape(&entry.tensor),
        })
        .collect())
}

/// A network of `segments` frames per clip on `device`, with the tensors of a file.
///
/// On the CPU the network's float32 tensors are the mapped file itself: nothing is copied. Libtorch does not know whose
/// memory it is, so the file has to stay open for the life of the process.
///
/// # Errors
/// Partial or damaged weights, `segments` that do not fit, and what libtorch reports.
pub fn from_file(
    loaded: &'static Loaded,
    segments: usize,
    device: Device,
) -> Result<EcoLite, NetworkError> {
    let Metadata { missing, .. } = loaded.metadata();
    if let Some(first) = missing.first() {
        return Err(NetworkError::Partial {
            missing: missing.len(),
            first: first.clone(),
        });
    }
    let classes = loaded.classes().unwrap_or_default() as i64;
    let read = |name: &str| Ok(loaded.tensor(name)?);
    Ok(EcoLite::new(
        classes,
        segments as i64,
        &mut RawSource { read, device },
    )?)
}

/// The embedded demo as a network of `segments` frames per clip on `device`.
///
/// On the CPU its tensors are not copied either: their memory stays for the life of the process.
///
/// # Errors
/// As [`from_file`].
pub fn from_demo(segments: usize, device: Device) -> Result<EcoLite, NetworkError> {
    let classes = demo::metadata()?.classes.unwrap_or_default();
    let mut tensors: HashMap<String, RawTensor<'_>> =
        demo::state_dict(&spec(classes)?)?.into_iter().collect();
    let read = |name: &str| {
        let mut tensor = tensors
            .remove(name)
            .ok_or_else(|| format!("the demo has no {name}"))?;
        tensor.data = match tensor.data {
            Cow::Owned(bytes) if device == Device::Cpu => Cow::Borrowed(bytes.leak()),
            data => data,
        };
        Ok(tensor)
    };
    Ok(EcoLite::new(
        classes as i64,
        segments as i64,
        &mut RawSource { read, device },
    )?)
}

/// Turns tensors in memory into libtorch's.
struct RawSource<F> {
    read: F,
    device: Device,
}

impl<'t, F> Source for RawSource<F>
where
    F: FnMut(&str) -> Result<RawTensor<'t>, Box<dyn std::error::Error + Send + Sync>>,
{
    fn tensor(&mut self, name: &str, _: &[i64], kind: Kind) -> model::Result<Tensor> {
        let raw = (self.read)(name).map_err(|source| model::Error::Source {
            name: name.to_owned(),
            source,
        })?;
        Ok(tensor(&raw, kind)?.f_to_device(self.device.into())?)
    }
}

/// A tensor that borrows what is borrowed from a map and aligned, and copies everything else.
fn tensor(raw: &RawTensor<'_>, kind: Kind) -> Result<Tensor, tch::TchError> {
    let shape: Vec<i64> = raw.shape.iter().map(|&length| length as i64).collect();
    match &raw.data {
        Cow::Borrowed(bytes) if bytes.as_ptr().align_offset(kind.elt_size_in_bytes()) == 0 => {
            let strides = row_major(&shape);
            // SAFETY: the bytes hold the elements that the shape asks for (checked when the file was opened), are aligned,
            // are never written, and belong to a map, or to memory that is never freed (see `from_file` and `from_demo`).
            unsafe { Tensor::f_from_blob(bytes.as_ptr(), &shape, &strides, kind, tch::Device::Cpu) }
        }
        bytes => Tensor::f_from_data_size(bytes, &shape, kind),
    }
}

fn row_major(shape: &[i64]) -> Vec<i64> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}
