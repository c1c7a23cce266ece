//! Which tensors are trained, and how fast each learns.

use crate::network::{Layer, Network, Role, is_of_the_head, is_of_the_last_stage, join};
use crate::train::recipe::{Recipe, Tuned};

/// A trained tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub name: String,
    /// Factor of the learning rate.
    pub rate: f64,
    /// Weight decay.
    pub decay: f64,
}

/// The trained tensors, in the order of the state_dict.
///
/// Source of the groups: mzolfaghari/ECO-pytorch @ b175e7c, `models.py`, `get_optim_policies`. Its first 3D convolution has
/// a group of its own that differs only for optical flow.
pub(super) fn members(network: &Network, recipe: &Recipe) -> Vec<Member> {
    let mut members = Vec::new();
    network.root().walk(&mut |path, _, module| {
        let Some(layer) = module.layer() else { return };
        let is_norm = matches!(layer, Layer::BatchNorm { .. });
        for tensor in layer.tensors() {
            let name = join(path, tensor.name);
            let is_trained = recipe.tune == Tuned::All || is_of_the_last_stage(&name);
            if tensor.role == Role::Buffer || !is_trained {
                continue;
            }
            let (rate, decay) = match tensor.name {
                _ if is_norm => (1.0, recipe.norm_decay),
                "bias" => (recipe.bias_rate, recipe.bias_decay),
                _ => (1.0, 1.0),
            };
            let head_rate = match is_of_the_head(&name) {
                true => recipe.head_rate,
                false => 1.0,
            };
            members.push(Member {
                name,
                rate: rate * head_rate,
                decay: decay * recipe.weight_decay,
            });
        }
    });
    members
}

/// The statistics that training changes: those of batch norms that are trained and not frozen.
pub(super) fn statistics(network: &Network, recipe: &Recipe) -> Vec<String> {
    let mut names = Vec::new();
    if recipe.freezes_statistics() {
        return names;
    }
    network.root().walk(&mut |path, _, module| {
        let tensors = module.layer().map_or(Vec::new(), Layer::tensors);
        let buffers = tensors.into_iter().filter(|t| t.role == Role::Buffer);
        let buffers = buffers.map(|tensor| join(path, tensor.name));
        names
            .extend(buffers.filter(|name| recipe.tune == Tuned::All || is_of_the_last_stage(name)));
    });
    names
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::recipe::Architecture;

    /// How many tensors have which factor of the rate and which decay, in units of the recipe's.
    fn counts(architecture: Architecture, recipe: &Recipe) -> BTreeMap<String, usize> {
        let network = Network::new(architecture, 5, 4).unwrap();
        let mut counts = BTreeMap::new();
        for member in members(&network, recipe) {
            let decay = member.decay / recipe.weight_decay;
            let group = format!("{}/{decay}", member.rate);
            *counts.entry(group).or_default() += 1;
        }
        counts
    }

    fn table(groups: &[(&str, usize)]) -> BTreeMap<String, usize> {
        let groups = groups.iter();
        groups
            .map(|&(group, count)| (group.into(), count))
            .collect()
    }

    #[test]
    fn groups_are_the_authors() {
        let lite = Recipe::official(Architecture::Lite);
        // Weights, biases, and batch norms' scales and shifts.
        let expected = table(&[("1/1", 32 + 1), ("2/0", 32 + 1), ("1/0", 60)]);
        assert_eq!(counts(Architecture::Lite, &lite), expected);
        let full = Recipe::official(Architecture::Full);
        let expected = table(&[("1/1", 82 + 1), ("2/0", 82 + 1), ("1/0", 160)]);
        assert_eq!(counts(Architecture::Full, &full), expected);
    }

    #[test]
    fn the_last_stage_is_five_convolutions_and_the_head() {
        for architecture in Architecture::ALL {
            let small = Recipe::small(architecture);
            let expected = table(&[("1/1", 5), ("2/0", 5), ("1/0", 8), ("10/1", 1), ("20/0", 1)]);
            assert_eq!(counts(architecture, &small), expected);
            let network = Network::new(architecture, 5, 4).unwrap();
            assert_eq!(statistics(&network, &small).len(), 4 * 3);
        }
    }
}
