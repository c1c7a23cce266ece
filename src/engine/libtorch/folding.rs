//! Batch norm folded into the convolution before it.

use std::collections::HashSet;

use tch::Tensor;

use super::tree::Tree;
use crate::engine::error::{Error, Result};
use crate::network::{BATCH_NORM_EPSILON, Graph, Layer};

/// Gives every convolution whose output goes into a batch norm and nowhere else weights that do the work of both, and
/// returns the full names of the batch norms that have nothing left to do.
///
/// `(w * x + b - mean) * s + shift` with `s = scale / sqrt(variance + eps)` is `(w * s) * x + (b - mean) * s + shift`.
///
/// # Errors
/// What libtorch reports.
pub(super) fn fold(tree: &mut Tree<'_>) -> Result<HashSet<String>> {
    let mut folded = HashSet::new();
    for (convolution, norm) in pairs(&tree.network.graph(1)?) {
        let of = |layer: &str, part: &str| -> Result<Tensor> {
            let name = format!("{layer}.{part}");
            let tensor = tree.tensors.get(&name).map(Tensor::shallow_clone);
            tensor.ok_or(Error::NoSuchTensor(name))
        };
        let deviation = of(&norm, "running_var")?.f_add_scalar(BATCH_NORM_EPSILON)?;
        let scale = of(&norm, "weight")?.f_divide(&deviation.f_sqrt()?)?;
        let weight = of(&convolution, "weight")?;
        let mut per_output = vec![1; weight.dim()];
        per_output[0] = -1;
        let scaled = weight.f_multiply(&scale.f_view(&per_output[..])?)?;
        let centred = of(&convolution, "bias")?.f_subtract(&of(&norm, "running_mean")?)?;
        let shifted = centred.f_multiply(&scale)?.f_add(&of(&norm, "bias")?)?;
        tree.tensors.insert(format!("{convolution}.weight"), scaled);
        tree.tensors.insert(format!("{convolution}.bias"), shifted);
        folded.insert(norm);
    }
    Ok(folded)
}

/// Convolutions and the batch norms that alone use their outputs, by full name.
fn pairs(graph: &Graph) -> Vec<(String, String)> {
    let readers = graph.readers();
    let is = |layer: Option<&Layer>, norm: bool| match layer {
        Some(Layer::BatchNorm { .. }) => norm,
        Some(Layer::Convolution { .. }) => !norm,
        _ => false,
    };
    let norms = graph.nodes.iter().filter(|node| is(node.layer(), true));
    let pairs = norms.filter_map(|norm| {
        let source = *norm.inputs.first()?;
        let convolution = &graph.nodes[source];
        (is(convolution.layer(), false) && readers[source].len() == 1)
            .then(|| (convolution.path.clone(), norm.path.clone()))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;
    use crate::recipe::Architecture;

    #[test]
    fn batch_norms_after_a_residual_stay() {
        let net = Network::new(Architecture::Lite, 5, 4).unwrap();
        let norms: HashSet<String> = pairs(&net.graph(1).unwrap())
            .into_iter()
            .map(|pair| pair.1)
            .collect();
        let stay = [
            "res3a_bn", "res3b_bn", "res4a_bn", "res4b_bn", "res5a_bn", "res5b_bn",
        ];
        let all = net
            .state_dict()
            .into_iter()
            .filter_map(|spec| spec.name.strip_suffix(".running_mean").map(str::to_owned));
        for norm in all {
            let stays = stay.iter().any(|name| norm.ends_with(name));
            assert_eq!(norms.contains(&norm), !stays, "{norm}");
        }
    }
}
