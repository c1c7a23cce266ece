//! The network's tensors in libtorch, and the forward pass over them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;

use tch::{Kind, TchError, Tensor};

use crate::engine::error::{Error, Result};
use crate::network::{
    BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, Backend, Function, Layer, Module, Network, TensorSpec,
    Window, join,
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

/// A handle on a tensor; `Tensor` itself copies the values when it is cloned.
pub(super) struct Handle(pub Tensor);

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self(self.0.shallow_clone())
    }
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

/// Whether to ask oneDNN straight away. libtorch would ask it too, except for a single small volume (the last stage of
/// one clip), which it leaves to a loop that takes three times as long.
fn onednn_computes(x: &Tensor) -> bool {
    x.device() == tch::Device::Cpu
        && x.kind() == Kind::Float
        && x.numel() > 0
        && tch::utils::has_mkldnn()
}

fn convolution(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    axes: usize,
    window: &Window,
) -> std::result::Result<Tensor, TchError> {
    let per_axis = |value: usize| vec![value as i64; axes];
    let (stride, padding, dilation) = (
        per_axis(window.stride),
        per_axis(window.padding),
        per_axis(1),
    );
    let (bias, groups) = (Some(bias), 1);
    if onednn_computes(x) {
        return x.f_mkldnn_convolution(weight, bias, padding, stride, dilation, groups);
    }
    let (transposed, output_padding) = (false, per_axis(0));
    x.f_convolution(
        weight,
        bias,
        stride,
        padding,
        dilation,
        transposed,
        output_padding,
        groups,
    )
}

impl Backend for Forward<'_> {
    type Value = Handle;
    type Error = Error;

    fn layer(&mut self, path: &str, layer: &Layer, Handle(x): &Handle) -> Result<Handle> {
        if self.skipped.is_some_and(|skipped| skipped.contains(path)) {
            return Ok(Handle(x.shallow_clone()));
        }
        let get = |name| self.tensor(path, name);
        let square = |window: &Window| {
            [window.kernel, window.stride, window.padding].map(|value| [value as i64; 2])
        };
        Ok(Handle(match layer {
            Layer::Convolution { axes, window, .. } => {
                convolution(x, get("weight")?, get("bias")?, *axes, window)?
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
            Layer::MaxPool2d(window) => {
                let [kernel, stride, padding] = square(window);
                x.f_max_pool2d(kernel, stride, padding, [1; 2], true)?
            }
            Layer::AvgPool2d(window) => {
                let [kernel, stride, padding] = square(window);
                x.f_avg_pool2d(kernel, stride, padding, false, true, None::<i64>)?
            }
            Layer::AvgPool3d(kernel) => {
                let kernel = kernel.map(|extent| extent as i64);
                x.f_avg_pool3d(kernel, [1; 3], [0; 3], false, true, None::<i64>)?
            }
            Layer::Dropout { .. } => x.shallow_clone(),
            Layer::Linear { .. } => x.f_linear(get("weight")?, Some(get("bias")?))?,
        }))
    }

    fn function(&mut self, _: &str, function: &Function, inputs: &[Handle]) -> Result<Handle> {
        let tensors: Vec<&Tensor> = inputs.iter().map(|Handle(tensor)| tensor).collect();
        Ok(Handle(match (function, &tensors[..]) {
            (Function::Concatenate, tensors) => Tensor::f_cat(tensors, 1)?,
            (Function::Add, [out, residual]) => out.shallow_clone().f_add_(residual)?,
            (Function::View(size), [x]) => x.f_view(&size[..])?,
            (Function::Transpose(a, b), [x]) => x.f_transpose(*a as i64, *b as i64)?,
            (function, _) => return Err(Error::Operands(function.operator())),
        }))
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
