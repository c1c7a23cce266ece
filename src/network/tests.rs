//! ECO-Full against the official definition.

use super::{Layer, Network, Node};
use crate::recipe::Architecture;

/// The state_dict of the official checkpoint, a name and a shape a line, without the `module.base_model.` before every
/// name: mzolfaghari/ECO-pytorch @ b175e7c, `tf_model_zoo/ECOfull/ECOfull.yaml`.
const OFFICIAL_FULL: &str = include_str!("../../tests/official/eco_full.txt");

fn full() -> Network {
    Network::new(Architecture::Full, 400, 16).unwrap()
}

#[test]
fn eco_full_has_the_official_layers_in_the_official_order() {
    let ours = full().state_dict().into_iter().map(|spec| {
        let parts: Vec<&str> = spec.name.split('.').collect();
        let layer = parts[parts.len() - 2..].join(".");
        format!("{layer} {:?}", spec.shape)
    });
    let ours: Vec<String> = ours.collect();
    let official: Vec<&str> = OFFICIAL_FULL.lines().collect();
    assert_eq!(ours, official);
    assert_eq!(ours.len(), 566);
}

#[test]
fn eco_full_has_eco_lites_tensors_but_for_the_head() {
    let full = full().state_dict();
    let lite = Network::new(Architecture::Lite, 400, 16).unwrap();
    for spec in lite.state_dict() {
        assert_eq!(
            full.contains(&spec),
            !spec.name.starts_with("fc_final.weight"),
            "{}",
            spec.name
        );
    }
}

#[test]
fn eco_full_costs_what_the_official_definition_does() {
    let mut parameters = 0;
    full().root().walk(&mut |_, _, module| {
        parameters += module.layer().map_or(0, Layer::parameters);
    });
    assert_eq!(parameters, 47_502_128);
    // Of convolutions and the head, biases left out.
    let macs = |node: &Node| {
        let weight = node.tensors().into_iter().find(|t| t.shape.len() > 1);
        let per_use = weight.map_or(0, |weight| weight.shape.iter().product::<usize>());
        let parameters = node.layer().map_or(0, Layer::parameters);
        node.macs() / parameters.max(1) * per_use
    };
    let total: usize = full().graph(1).unwrap().nodes.iter().map(macs).sum();
    assert_eq!(total / 10_000_000, 6441);
    assert_eq!(full().map_len(), 96 * 28 * 28 + 1024);
    assert_eq!(full().features(), 1536);
}

#[test]
fn eco_full_makes_one_answer_per_clip_for_any_segments() {
    for segments in [4, 8, 20] {
        let network = Network::new(Architecture::Full, 7, segments).unwrap();
        let graph = network.graph(3).unwrap();
        assert_eq!(graph.nodes[graph.output()].shape, [3, 7]);
    }
}
