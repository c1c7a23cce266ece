//! The network against PyTorch running the same weights on the same input.

mod common;

use std::collections::BTreeMap;

use common::{Tensors, batch, reference_cases, relative_l2, script};
use eco::engine::{ClipBatch, Device, Engine, Libtorch, Observed, Precision, observe};
use eco::network::{Error, Network};
use eco::recipe::Architecture;
use eco::recipe::DEFAULT_SEGMENTS;
use eco::weights::Weights;
use tch::{Kind, Tensor};

/// Both sides sum in float32, in orders of their own.
const TOLERANCE: f64 = 1e-5;

fn weights() -> Weights {
    Weights::open(&reference_cases().join("weights.safetensors")).unwrap()
}

fn tensor(values: &[f32], size: &[i64]) -> Tensor {
    Tensor::from_slice(values).view(size)
}

#[test]
fn every_module_and_the_whole_network_equal_pytorch() {
    let weights = weights();
    for (segments, clips) in [(4, 1), (4, 3), (8, 1), (8, 3), (16, 1), (16, 3)] {
        let case = reference_cases().join(format!("case_{segments}_{clips}.safetensors"));
        let reference = Tensors::read(&case);
        let batch = batch(reference.get("input"));
        let network = weights.network(Some(segments)).unwrap();
        // A module that runs twice (`res3b_relu`) counts with its last run, as in the reference.
        let mut errors: BTreeMap<String, f64> = BTreeMap::new();
        let mut compare = |observed: Observed<'_>| {
            let name = match observed.path {
                "" => "logits".to_owned(),
                path => format!("output.{path}"),
            };
            if let Some(expected) = reference.0.get(&name) {
                let found = tensor(observed.values, &expected.size());
                errors.insert(name, relative_l2(&found, expected));
            }
        };
        observe(network.clone(), &weights, &batch, &mut compare).unwrap();
        let is_output = |key: &&String| key.starts_with("output.") || *key == "logits";
        let expected = reference.0.keys().filter(is_output).count();
        assert!(expected > 5);
        assert_eq!(errors.len(), expected, "modules not compared");
        for (path, error) in &errors {
            assert!(
                *error < TOLERANCE,
                "N {segments}, batch {clips}: {path} differs by {error:e}"
            );
        }

        let engine = Libtorch::new(network, &weights, Device::Cpu, Precision::Fp32).unwrap();
        let output = engine.run(&batch).unwrap();
        for (name, values) in [("features", &output.features), ("logits", &output.logits)] {
            let expected = reference.get(name);
            let error = relative_l2(&tensor(values, &expected.size()), expected);
            assert!(
                error < TOLERANCE,
                "N {segments}, batch {clips}: {name} differ by {error:e}"
            );
        }
    }
}

#[test]
fn names_shapes_and_order_of_the_state_dict_are_pytorchs() {
    let net = Network::new(Architecture::Lite, 400, DEFAULT_SEGMENTS).unwrap();
    let specs = net.state_dict();
    let ours: String = specs
        .iter()
        .map(|spec| {
            let shape: Vec<String> = spec.shape.iter().map(usize::to_string).collect();
            format!("{} [{}]\n", spec.name, shape.join(", "))
        })
        .collect();
    assert_eq!(ours.lines().count(), 216);
    assert_eq!(ours, script("reference.py", ["state_dict"]));
}

#[test]
fn the_printed_tree_is_pytorchs_byte_for_byte() {
    for (classes, segments) in [(400, 16), (51, 8)] {
        let net = Network::new(Architecture::Lite, classes, segments).unwrap();
        let (classes, segments) = (classes.to_string(), segments.to_string());
        let args = ["print", "--classes", &classes, "--segments", &segments];
        assert_eq!(format!("{}\n", net.root()), script("reference.py", args));
    }
}

#[test]
fn segments_must_be_a_positive_multiple_of_four() {
    for segments in [0, 1, 6, 15] {
        let error = Network::new(Architecture::Lite, 400, segments).unwrap_err();
        assert_eq!(error, Error::Segments(segments));
    }
    for segments in [4, 12, 20, 32] {
        Network::new(Architecture::Lite, 400, segments).unwrap();
    }
}

#[test]
fn an_input_of_another_shape_is_refused_naming_both() {
    let weights = weights();
    let network = weights.network(Some(16)).unwrap();
    let engine = Libtorch::new(network, &weights, Device::Cpu, Precision::Fp32).unwrap();
    for (clips, segments) in [(1, 8), (0, 16)] {
        let batch = ClipBatch::zeros(clips, segments);
        let message = engine.run(&batch).unwrap_err().to_string();
        assert!(message.contains("[batch, 16, 3, 224, 224]"), "{message}");
        let found = format!("[{clips}, {segments}, 3, 224, 224]");
        assert!(message.contains(&found), "{message}");
    }
}

#[test]
fn a_tensor_of_another_shape_is_refused_naming_it() {
    let mut tensors = Tensors::read(&reference_cases().join("weights.safetensors"));
    let name = "eco_3d.res_3d_4.res4a_down.weight";
    tensors.0.insert(
        name.to_owned(),
        Tensor::zeros([256, 128, 1, 1, 1], (Kind::Float, tch::Device::Cpu)),
    );
    let tensors: Vec<(String, Tensor)> = tensors.0.into_iter().collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    Tensor::write_safetensors(&tensors, &path).unwrap();
    let Err(error) = Weights::open(&path) else {
        panic!("opened")
    };
    let message = error.to_string();
    assert!(
        message.contains(name) && message.contains("[256, 128, 3, 3, 3]"),
        "{message}"
    );
}
