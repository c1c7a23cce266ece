//! The network's tensors in libtorch, and the forward pass over them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;

use tch::{Kind, Tensor};

use super::layers::{self, Handle};
use crate::engine::error::{Error, Result};
use crate::network::{
    BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, Backend, Function, Layer, Module, Network, TensorSpec,
    join,
};
use crate::weights::{RawTensor, Weights};

/// A network with its tensors. Those of a mapped file may lie in it, so that nothing is copied: `'w` is its borrow.
pub(super) struct Tree<'w> {
    pub network: Network,
    pub tensors: HashMap<String, Tensor>,
    weights: PhantomData<&'w Weights>,
}

impl<'w> Tree<'w> {
    /// The network of `weights` on the CPU.
    ///
    /// # Errors
    /// Weights that cannot be read, and what libtorch reports.
    pub(super) fn new(network: Network, weights: &'w Weights) -> Result<Self> {
        let mut tensors = HashMap::new();
        for spec in network.state_dict() {
            let raw = weights.tensor(&spec.name)?;
            check(&spec, &raw)?;
            let kind = if spec.is_counter() {
                Kind::Int64
            } else {
                Kind::Float
            };
            tensors.insert(spec.name, borrowed(&raw, kind)?);
        }
        Ok(Self {
            network,
            tensors,
            weights: PhantomData,
        })
    }

    /// A forward pass of this tree.
    pub(super) fn forward<'t>(&'t self) -> Forward<'t> {
        Forward::new(&self.tensors)
    }
}

fn check(spec: &TensorSpec, raw: &RawTensor<'_>) -> Result<()> {
    if raw.shape == spec.shape {
        return Ok(());
    }
    Err(Error::TensorShape {
        name: spec.name.clone(),
        found: raw.shape.clone(),
        expected: spec.shape.clone(),
    })
}

/// A tensor that lies where the bytes do if they are borrowed and aligned, else a copy.
fn borrowed(raw: &RawTensor<'_>, kind: Kind) -> Result<Tensor> {
    let shape: Vec<i64> = raw.shape.iter().map(|&extent| extent as i64).collect();
    Ok(match &raw.data {
        Cow::Borrowed(bytes) if bytes.as_ptr().align_offset(kind.elt_size_in_bytes()) == 0 => {
            let mut strides = vec![1; shape.len()];
            for axis in (1..shape.len()).rev() {
                strides[axis - 1] = strides[axis] * shape[axis];
            }
            // SAFETY: the bytes hold as many elements as the shape has (`check`, and `Weights::tensor` for the length), are
            // aligned and never written. They outlive the tensor: a `Tree` keeps its tensors to itself for as long as it
            // borrows the weights, and engines take copies only.
            unsafe {
                Tensor::f_from_blob(bytes.as_ptr(), &shape, &strides, kind, tch::Device::Cpu)?
            }
        }
        bytes => Tensor::f_from_data_size(bytes, &shape, kind)?,
    })
}

/// Sees every output of every module: the module's full name, the module, which of several outputs it is, and the tensor.
pub(super) type Observer<'a> = dyn FnMut(&str, &Module, Option<usize>, &Tensor) -> Result<()> + 'a;

/// Computes layers on tensors.
pub(super) struct Forward<'a> {
    tensors: &'a HashMap<String, Tensor>,
    skipped: Option<&'a HashSet<String>>,
    observer: Option<&'a mut Observer<'a>>,
}

impl<'a> Forward<'a> {
    /// A pass over the tensors with these full names.
    pub(super) fn new(tensors: &'a HashMap<String, Tensor>) -> Self {
        Self {
            tensors,
            skipped: None,
            observer: None,
        }
    }

    /// A pass that passes by the layers with these full names: what goes in comes out.
    pub(super) fn skipping(self, layers: &'a HashSet<String>) -> Self {
        Self {
            skipped: Some(layers),
            ..self
        }
    }

    /// A pass that shows every output to `observer`.
    pub(super) fn observed(self, observer: &'a mut Observer<'a>) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    fn tensor(&self, path: &str, name: &str) -> Result<&'a Tensor> {
        let name = join(path, name);
        self.tensors.get(&name).ok_or(Error::NoSuchTensor(name))
    }
}

impl Backend for Forward<'_> {
    type Value = Handle;
    type Error = Error;

    fn layer(&mut self, path: &str, layer: &Layer, Handle(x): &Handle) -> Result<Handle> {
        if self.skipped.is_some_and(|skipped| skipped.contains(path)) {
            return Ok(Handle(x.shallow_clone()));
        }
        let get = |name| self.tensor(path, name);
        Ok(Handle(match layer {
            Layer::Convolution { axes, window, .. } => {
                layers::fast_convolution(x, get("weight")?, get("bias")?, *axes, window)?
            }
            Layer::BatchNorm { .. } => x.f_batch_norm(
                Some(get("weight")?),
                Some(get("bias")?),
                Some(get("running_mean")?),
                Some(get("running_var")?),
                false,
                BATCH_NORM_MOMENTUM,
                BATCH_NORM_EPSILON,
                true,
            )?,
            Layer::Relu => x.shallow_clone().f_relu_()?,
            Layer::MaxPool2d(window) => layers::max_pool(x, window)?,
            Layer::AvgPool2d(window) => layers::mean_pool(x, window)?,
            Layer::AvgPool3d(kernel) => layers::mean_pool_3d(x, kernel)?,
            Layer::Dropout { .. } => x.shallow_clone(),
            Layer::Linear { .. } => x.f_linear(get("weight")?, Some(get("bias")?))?,
        }))
    }

    fn function(&mut self, _: &str, function: &Function, inputs: &[Handle]) -> Result<Handle> {
        layers::function(function, inputs)
    }

    fn leave(&mut self, path: &str, module: &Module, outputs: &[Handle]) -> Result<()> {
        match &mut self.observer {
            Some(observer) => {
                let mut outputs = outputs
                    .iter()
                    .enumerate()
                    .map(|(index, Handle(output))| ((outputs.len() > 1).then_some(index), output));
                outputs.try_for_each(|(index, output)| observer(path, module, index, output))
            }
            None => Ok(()),
        }
    }
}
