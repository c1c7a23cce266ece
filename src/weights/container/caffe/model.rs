//! A model: its tensors by name, and the values of one at a time.

use std::borrow::Cow;
use std::ops::Range;

use super::error::{CaffeError, Fault};
use super::layer::Layer;
use super::names::{self, Renamed, Tensor};
use super::wire::{Message, Value};
use crate::text::printable;
use crate::weights::container::structure::{Structure, TopLevel};
use crate::weights::tensor::{RawTensor, TensorInfo};

/// Most layers with weights; ECO-Full has 163.
const MAX_LAYERS: usize = 10_000;

/// Fields of NetParameter.
const NAME: u32 = 1;
const OLD_LAYERS: u32 = 2;
const LAYER: u32 = 100;

/// The tensors of a model, values not yet read.
#[derive(Debug)]
pub(in crate::weights::container) struct Model {
    tensors: Vec<Tensor>,
}

impl Model {
    /// Lists the tensors of the model in `file`.
    ///
    /// # Errors
    /// [`CaffeError`] for bytes that are no such message, and for layers that ECO cannot have.
    pub(in crate::weights::container) fn read(
        file: &[u8],
    ) -> Result<(Self, Vec<TensorInfo>, Structure), CaffeError> {
        let mut layers = Vec::new();
        let (mut net, mut count) = (None, 0usize);
        for field in Message::new(file, 0..file.len()) {
            let field = field?;
            match (field.number, field.value) {
                (NAME, Value::Bytes(at)) => net = Some(at),
                (OLD_LAYERS, Value::Bytes(_)) => return Err(CaffeError::OldFormat),
                (LAYER, Value::Bytes(at)) => {
                    count += 1;
                    layers.extend(Layer::read(file, at, count)?);
                    if layers.len() > MAX_LAYERS {
                        return Err(CaffeError::TooManyLayers(MAX_LAYERS));
                    }
                }
                _ => {}
            }
        }
        match (layers.len(), count) {
            (0, 0) => return Err(CaffeError::NoLayers),
            (0, layers) => return Err(CaffeError::NoWeights { layers }),
            _ => {}
        }
        let with_weights = layers.len();
        let (tensors, renamed) = names::list(layers)?;
        let infos = tensors.iter().map(|tensor| TensorInfo {
            name: tensor.name.clone(),
            dtype: tensor.blob.dtype,
            shape: tensor.blob.shape.clone(),
        });
        let infos = infos.collect();
        let structure = Structure {
            top: top(file, net, [count, with_weights], &renamed),
            ..Structure::flat()
        };
        Ok((Self { tensors }, infos, structure))
    }

    /// The values of tensor `index` in row-major order, borrowed where they lie in `file` in one piece.
    ///
    /// # Errors
    /// Variances that are negative or no numbers: the root of those is none.
    pub(in crate::weights::container) fn values<'f>(
        &self,
        file: &'f [u8],
        index: usize,
    ) -> Result<Cow<'f, [u8]>, CaffeError> {
        let tensor = &self.tensors[index];
        let (layer, at) = &tensor.layer;
        let values = tensor.blob.values(file);
        let checked = values.and_then(|values| match tensor.is_variance() {
            true => variances(tensor, values),
            false => Ok(values),
        });
        checked.map_err(|fault| fault.of(layer, *at))
    }
}

/// The values, if all of them can be variances.
fn variances<'f>(tensor: &Tensor, data: Cow<'f, [u8]>) -> Result<Cow<'f, [u8]>, Fault> {
    let raw = RawTensor {
        dtype: tensor.blob.dtype,
        shape: Vec::new(),
        data,
    };
    let mut channels = raw.values().into_iter().flatten().enumerate();
    let bad = channels.find(|(_, value)| !value.is_finite() || *value < 0.0);
    drop(channels);
    match bad {
        Some((channel, value)) => Err(Fault::Variance {
            channel,
            value: value as f32,
        }),
        None => Ok(raw.data),
    }
}

/// What is shown above the tensors: the name of the net, how many layers it has, and those with other names in PyTorch.
fn top(
    file: &[u8],
    net: Option<Range<usize>>,
    [layers, with_weights]: [usize; 2],
    renamed: &[Renamed],
) -> Vec<TopLevel> {
    const LONGEST: usize = 60;
    let line = |key: &str, what: String| TopLevel {
        key: key.to_string(),
        what,
    };
    let net = net.and_then(|at| std::str::from_utf8(file.get(at)?).ok());
    let net = net.map(|net| {
        let net: String = net.chars().take(LONGEST).collect();
        line("name", format!("str \"{}\"", printable(&net)))
    });
    let count = line(
        "layers",
        format!("{layers}, {with_weights} of them with weights"),
    );
    let renamed = renamed.iter().map(|Renamed { layer, kind, name }| {
        let what = format!("{}, listed as {name}", printable(kind));
        line(layer, what)
    });
    net.into_iter().chain([count]).chain(renamed).collect()
}
