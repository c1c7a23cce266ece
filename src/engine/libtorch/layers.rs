//! Layers and functions as operators of libtorch, where training and inference compute the same.

use tch::{Kind, TchError, Tensor};

use crate::engine::error::{Error, Result};
use crate::network::{Function, Window};

/// A handle on a tensor; `Tensor` itself copies the values when it is cloned.
pub(crate) struct Handle(pub Tensor);

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self(self.0.shallow_clone())
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

/// A convolution along `axes` axes, by whatever libtorch chooses.
pub(crate) fn convolution(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    axes: usize,
    window: &Window,
) -> std::result::Result<Tensor, TchError> {
    let [stride, padding, dilation] =
        [window.stride, window.padding, 1].map(|value| vec![value as i64; axes]);
    let (transposed, output_padding, groups) = (false, vec![0; axes], 1);
    x.f_convolution(
        weight,
        Some(bias),
        stride,
        padding,
        dilation,
        transposed,
        output_padding,
        groups,
    )
}

/// The same, by oneDNN wherever it can.
pub(super) fn fast_convolution(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    axes: usize,
    window: &Window,
) -> std::result::Result<Tensor, TchError> {
    if !onednn_computes(x) {
        return convolution(x, weight, bias, axes, window);
    }
    let [stride, padding, dilation] =
        [window.stride, window.padding, 1].map(|value| vec![value as i64; axes]);
    x.f_mkldnn_convolution(weight, Some(bias), padding, stride, dilation, 1)
}

fn square(window: &Window) -> [[i64; 2]; 3] {
    [window.kernel, window.stride, window.padding].map(|value| [value as i64; 2])
}

/// A max pool, its output size rounded up.
pub(crate) fn max_pool(x: &Tensor, window: &Window) -> std::result::Result<Tensor, TchError> {
    let [kernel, stride, padding] = square(window);
    x.f_max_pool2d(kernel, stride, padding, [1; 2], true)
}

/// A mean over a window; padding counts.
pub(crate) fn mean_pool(x: &Tensor, window: &Window) -> std::result::Result<Tensor, TchError> {
    let [kernel, stride, padding] = square(window);
    x.f_avg_pool2d(kernel, stride, padding, false, true, None::<i64>)
}

/// A mean over time, height and width.
pub(crate) fn mean_pool_3d(
    x: &Tensor,
    kernel: &[usize; 3],
) -> std::result::Result<Tensor, TchError> {
    let kernel = kernel.map(|extent| extent as i64);
    x.f_avg_pool3d(kernel, [1; 3], [0; 3], false, true, None::<i64>)
}

/// A function of tensors. A sum is written over its first operand, which nothing else reads.
pub(crate) fn function(function: &Function, inputs: &[Handle]) -> Result<Handle> {
    let tensors: Vec<&Tensor> = inputs.iter().map(|Handle(tensor)| tensor).collect();
    Ok(Handle(match (function, &tensors[..]) {
        (Function::Concatenate, tensors) => Tensor::f_cat(tensors, 1)?,
        (Function::Add, [out, residual]) => out.shallow_clone().f_add_(residual)?,
        (Function::View(size), [x]) => x.f_view(&size[..])?,
        (Function::Transpose(a, b), [x]) => x.f_transpose(*a as i64, *b as i64)?,
        (function, _) => return Err(Error::Operands(function.operator())),
    }))
}

/// The elements of a tensor, row-major, on the CPU.
pub(crate) fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    let tensor = tensor
        .f_to_device(tch::Device::Cpu)?
        .f_to_kind(Kind::Float)?
        .f_contiguous()?;
    let mut values = vec![0.0; tensor.numel()];
    tensor.f_copy_data(&mut values, tensor.numel())?;
    Ok(values)
}

/// The same tensor with its second axis, the channels, last in memory: what oneDNN, the CPU's pools and tensor cores like best,
/// and what makes their outputs lie so too.
pub(crate) fn channels_last(tensor: &Tensor) -> Result<Tensor> {
    let axes = tensor.dim() as i64;
    if axes < 4 {
        return Ok(tensor.shallow_clone());
    }
    let last: Vec<i64> = [0].into_iter().chain(2..axes).chain([1]).collect();
    let back: Vec<i64> = [0, axes - 1].into_iter().chain(1..axes - 1).collect();
    Ok(tensor.f_permute(last)?.f_contiguous()?.f_permute(back)?)
}
