//! The plain network, every output of it looked at.

use tch::Tensor;

use super::layers::{Handle, values};
use super::tree::Tree;
use crate::engine::Observed;
use crate::engine::error::Result;
use crate::network::{Module, Network};
use crate::weights::Weights;

/// Runs clips, `[batch, segments, 3, 224, 224]`, and shows `watch` the output of every module right after it was made;
/// ReLUs overwrite it next.
///
/// # Errors
/// Clips that do not fit, weights that cannot be read, and what libtorch reports.
pub(crate) fn observe(
    network: Network,
    weights: &Weights,
    clips: &[f32],
    shape: &[usize],
    watch: &mut dyn FnMut(Observed<'_>),
) -> Result<()> {
    network.check_input(shape)?;
    let _no_grad = tch::no_grad_guard();
    let tree = Tree::new(network, weights)?;
    let size: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
    let clips = Handle(Tensor::f_from_slice(clips)?.f_view(&size[..])?);
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
