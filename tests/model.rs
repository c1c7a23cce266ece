//! The network against PyTorch running the same weights on the same input.

mod common;

use std::collections::BTreeMap;

use common::{Tensors, reference_cases, relative_l2, script};
use eco::network::{
    DEFAULT_SEGMENTS, EcoLite, Error, Flow, Module, Observer, Printed, Shapes, Value, state_dict,
};
use tch::{Kind, Tensor};

/// Both sides sum in float32, in orders of their own.
const TOLERANCE: f64 = 1e-5;

fn network(segments: i64) -> EcoLite {
    let mut weights = Tensors::read(&reference_cases().join("weights.safetensors"));
    EcoLite::new(400, segments, &mut weights).unwrap()
}

/// How far the output of every module that the reference knows is from it. A module that runs twice (`res3b_relu`) counts
/// with its last run, as in the reference.
struct Compare<'a> {
    reference: &'a Tensors,
    errors: BTreeMap<String, f64>,
}

impl Observer for Compare<'_> {
    fn leave(&mut self, path: &str, _: &dyn Module, output: &Value) {
        if let Some(expected) = self.reference.0.get(&format!("output.{path}")) {
            self.errors
                .insert(path.to_owned(), relative_l2(output.tensor(), expected));
        }
    }
}

#[test]
fn every_module_and_the_whole_network_equal_pytorch() {
    for (segments, batch) in [(4, 1), (4, 3), (8, 1), (8, 3), (16, 1), (16, 3)] {
        let case = reference_cases().join(format!("case_{segments}_{batch}.safetensors"));
        let reference = Tensors::read(&case);
        let net = network(segments);
        let mut compare = Compare {
            reference: &reference,
            errors: BTreeMap::new(),
        };
        let mut flow = Flow::observed(&mut compare);
        let input = flow.input(reference.get("input").shallow_clone());
        let logits = tch::no_grad(|| flow.run(&net, &input)).unwrap();
        let error = relative_l2(logits.tensor(), reference.get("logits"));
        assert!(
            error < TOLERANCE,
            "N {segments}, batch {batch}: logits differ by {error:e}"
        );

        let expected = reference
            .0
            .keys()
            .filter(|key| key.starts_with("output."))
            .count();
        assert!(expected >= 5);
        assert_eq!(compare.errors.len(), expected, "modules not compared");
        for (path, error) in &compare.errors {
            assert!(
                *error < TOLERANCE,
                "N {segments}, batch {batch}: {path} differs by {error:e}"
            );
        }

        let output = net.run(reference.get("input")).unwrap();
        let error = relative_l2(&output.features, reference.get("features"));
        assert!(
            error < TOLERANCE,
            "N {segments}, batch {batch}: features differ by {error:e}"
        );
    }
}

#[test]
fn names_shapes_and_order_of_the_state_dict_are_pytorchs() {
    let net = EcoLite::new(400, DEFAULT_SEGMENTS, &mut Shapes).unwrap();
    let ours: String = state_dict(&net)
        .iter()
        .map(|entry| {
            let shape: Vec<String> = entry.tensor.size().iter().map(i64::to_string).collect();
            format!("{} [{}]\n", entry.name, shape.join(", "))
        })
        .collect();
    assert_eq!(ours.lines().count(), 216);
    assert_eq!(ours, script("reference.py", ["state_dict"]));
}

#[test]
fn the_printed_tree_is_pytorchs_byte_for_byte() {
    for (classes, segments) in [(400, 16), (51, 8)] {
        let net = EcoLite::new(classes, segments, &mut Shapes).unwrap();
        let (classes, segments) = (classes.to_string(), segments.to_string());
        let args = ["print", "--classes", &classes, "--segments", &segments];
        assert_eq!(format!("{}\n", Printed(&net)), script("reference.py", args));
    }
}

#[test]
fn segments_must_be_a_positive_multiple_of_four() {
    for segments in [-4, 0, 1, 6, 15] {
        let error = EcoLite::new(400, segments, &mut Shapes).unwrap_err();
        assert!(matches!(error, Error::Segments(n) if n == segments));
    }
    for segments in [4, 12, 20, 32] {
        EcoLite::new(400, segments, &mut Shapes).unwrap();
    }
}

#[test]
fn an_input_of_another_shape_is_refused_naming_both() {
    let net = EcoLite::new(400, 16, &mut Shapes).unwrap();
    for shape in [
        vec![1, 8, 3, 224, 224],
        vec![16, 3, 224, 224],
        vec![1, 16, 3, 256, 256],
        vec![0, 16, 3, 224, 224],
    ] {
        let clips = Tensor::zeros([1], (Kind::Float, tch::Device::Cpu)).expand(&shape, false);
        let message = net.run(&clips).unwrap_err().to_string();
        assert!(message.contains("[batch, 16, 3, 224, 224]"), "{message}");
        assert!(message.contains(&format!("{shape:?}")), "{message}");
    }
}

#[test]
fn a_tensor_of_another_shape_is_refused_naming_it() {
    let mut weights = Tensors::read(&reference_cases().join("weights.safetensors"));
    let name = "eco_3d.res_3d_4.res4a_down.weight";
    weights.0.insert(
        name.to_owned(),
        Tensor::zeros([256, 128, 1, 1, 1], (Kind::Float, tch::Device::Cpu)),
    );
    let message = EcoLite::new(400, 16, &mut weights).unwrap_err().to_string();
    assert!(
        message.contains(name) && message.contains("[256, 128, 3, 3, 3]"),
        "{message}"
    );
}
