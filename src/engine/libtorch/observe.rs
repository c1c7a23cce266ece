//! The plain network, every output of it looked at.

use tch::Tensor;

use super::layers::{Handle, values};
use super::tf32;
use super::tree::Tree;
use crate::engine::device::Device;
use crate::engine::error::Result;
use crate::engine::interface::{ClipBatch, Observed};
use crate::network::{Module, Network};
use crate::weights::Weights;

/// Runs clips on a device and shows `watch` the output of every module right after it was made;
/// ReLUs overwrite it next.
///
/// # Errors
/// Clips that do not fit, weights that cannot be read, and what libtorch reports.
pub(crate) fn observe(
    network: Network,
    weights: &Weights,
    device: Device,
    clips: &ClipBatch,
    watch: &mut dyn FnMut(Observed<'_>),
) -> Result<()> {
    let shape = clips.shape();
    network.check_input(&shape)?;
    let _no_grad = tch::no_grad_guard();
    let mut tree = Tree::new(network, weights)?;
    if device != Device::Cpu {
        tf32::allow(false);
        for tensor in tree.tensors.values_mut() {
            *tensor = tensor.f_to_device(device.into())?;
        }
    }
    let size = shape.map(|extent| extent as i64);
    let clips = Tensor::f_from_slice(&clips.values)?.f_view(&size[..])?;
    let clips = Handle(clips.f_to_device(device.into())?);
    let mut observer = |path: &str, module: &Module, output: Option<usize>, tensor: &Tensor| {
        let shape = tensor.size().into_iter().map(|extent| extent as usize);
        watch(Observed {
            path,
            module,
            output,
            shape: shape.collect(),
            values: &values(tensor)?,
        });
        Ok(())
    };
    let mut forward = tree.forward().observed(&mut observer);
    tree.network.run(&mut forward, clips)?;
    Ok(())
}
