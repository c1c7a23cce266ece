//! Batch norm folded into the convolution before it.

use std::collections::{HashMap, HashSet};

use tch::Tensor;

use crate::network::Graph;
use crate::network::layer::EPS;
use crate::network::{EcoLite, FRAME_SIZE, Result, state_dict};

/// Gives every convolution whose output goes into a batch norm and nowhere else weights that do the work of both, and
/// returns the full names of the batch norms that have nothing left to do.
///
/// `(w * x + b - mean) * s + shift` with `s = scale / sqrt(variance + eps)` is `(w * s) * x + (b - mean) * s + shift`.
///
/// # Errors
/// What libtorch reports.
pub fn fold(net: &EcoLite) -> Result<HashSet<String>> {
    let tensors: HashMap<String, Tensor> = state_dict(net)
        .into_iter()
        .map(|entry| (entry.name, entry.tensor))
        .collect();
    let mut folded = HashSet::new();
    for (convolution, norm) in pairs(net)? {
        let of = |layer: &str, part: &str| tensors[&format!("{layer}.{part}")].shallow_clone();
        let scale =
            of(&norm, "weight").f_divide(&of(&norm, "running_var").f_add_scalar(EPS)?.f_sqrt()?)?;
        let (mut weight, mut bias) = (of(&convolution, "weight"), of(&convolution, "bias"));
        let mut per_output = vec![1; weight.dim()];
        per_output[0] = -1;
        let scaled = weight.f_multiply(&scale.f_view(&per_output[..])?)?;
        let centred = bias.f_subtract(&of(&norm, "running_mean"))?;
        let shifted = centred.f_multiply(&scale)?.f_add(&of(&norm, "bias"))?;
        weight.f_set_data(&scaled)?;
        bias.f_set_data(&shifted)?;
        folded.insert(norm);
    }
    Ok(folded)
}

/// Convolutions and the batch norms that alone use their outputs, by full name, as a forward pass shows them.
fn pairs(net: &EcoLite) -> Result<Vec<(String, String)>> {
    let graph = Graph::trace(net, &[1, net.segments(), 3, FRAME_SIZE, FRAME_SIZE])?;
    let readers = graph.readers();
    let norms = graph
        .nodes
        .iter()
        .filter(|node| node.op == "aten::batch_norm");
    let pairs = norms.filter_map(|norm| {
        let source = norm.inputs[0];
        let convolution = &graph.nodes[source];
        (convolution.op == "aten::_convolution" && readers[source] == 1)
            .then(|| (convolution.path.clone(), norm.path.clone()))
    });
    Ok(pairs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Shapes;

    #[test]
    fn batch_norms_after_a_residual_stay() {
        let net = EcoLite::new(5, 4, &mut Shapes).unwrap();
        let norms: HashSet<String> = pairs(&net)
            .unwrap()
            .into_iter()
            .map(|pair| pair.1)
            .collect();
        let stay = [
            "res3a_bn", "res3b_bn", "res4a_bn", "res4b_bn", "res5a_bn", "res5b_bn",
        ];
        let all = state_dict(&net)
            .into_iter()
            .filter_map(|entry| entry.name.strip_suffix(".running_mean").map(str::to_owned));
        for norm in all {
            let stays = stay.iter().any(|name| norm.ends_with(name));
            assert_eq!(norms.contains(&norm), !stays, "{norm}");
        }
    }
}
