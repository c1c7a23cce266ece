//! Networks that a file may be of, when it is not the one that it was compared with.

use super::compare::compare;
use super::model::Model;
use super::names::{NameMap, tail};
use crate::recipe::Architecture;
use crate::weights::tensor::TensorInfo;

/// A network of which these tensors are all, or more than `matched`: how many were found and fit, and how many it has.
pub(super) fn other_network(
    network: Architecture,
    entries: &[TensorInfo],
    names: &[String],
    matched: usize,
) -> Option<[usize; 2]> {
    let spec = Model::of(network).ok()?.tensors;
    let members: Vec<(usize, String)> = names.iter().cloned().enumerate().collect();
    let found = compare(&spec, &NameMap::new(&spec), entries, &members, &[]);
    let explains = found.fills_the_model() || found.matched.len() > matched;
    explains.then_some([found.matched.len() + found.counters.len(), spec.len()])
}

/// Networks that the authors started the training of ECO's parts from.
pub(super) fn starting_point(names: &[String]) -> Option<&'static str> {
    let has = |needle: &str| names.iter().any(|n| n.contains(needle));
    if has("res3b_1") && !has("inception_3a") {
        return Some(
            "this is the 3D ResNet-18 alone (C3D-ResNet18), the weights ECO's 3D net starts its training from, not a \
             trained ECO",
        );
    }
    if (has("inception_4a_") || has("inception_5b")) && !has("res3a") {
        return Some(
            "this is BN-Inception alone, the weights ECO's 2D net starts its training from, not a trained ECO",
        );
    }
    None
}

/// Networks that are related to ECO and cannot be loaded as it.
pub(super) fn relative(names: &[String]) -> Option<&'static str> {
    let has = |needle: &str| names.iter().any(|n| n.contains(needle));
    let layer = |layer: &str| {
        names
            .iter()
            .any(|n| tail(n).split('.').next() == Some(layer))
    };
    if layer("res3a_1") || (layer("res3a_2") && has("res4a_2") && !has("res4a_down")) {
        return Some(
            "this is the older ECO network of June 2018 (zhang-can/ECO-pytorch): it has res3a_1 \
             and no res4a_down, and its weights fit no later network",
        );
    }
    if has("inception_3a.branch") || (has("conv1.conv.weight") && has("fc1")) {
        return Some(
            "this is the re-saved ECO-Lite of omsmruti/ECO-Lite, whose layers have other names; \
             use the official ECO_Lite_rgb_model_Kinetics.pth.tar",
        );
    }
    if has("layer1.0.conv1") {
        return Some("this is a torchvision ResNet, not ECO");
    }
    None
}
