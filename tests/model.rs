//! The network against PyTorch running the same weights on the same input.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{Tensors, batch, reference_cases, reference_cases_of_full, relative_l2, script};
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

/// Compares the output of every module that a case of `cases` has, and what the libtorch engine answers.
fn assert_equals_pytorch(cases: &Path, sizes: &[(i64, i64)], modules: usize) {
    let weights = Weights::open(&cases.join("weights.safetensors")).unwrap();
    let mut most = 0;
    for (segments, clips) in sizes {
        let case = cases.join(format!("case_{segments}_{clips}.safetensors"));
        let reference = Tensors::read(&case);
        let batch = batch(reference.get("input"));
        let network = weights.network(Some(*segments as usize)).unwrap();
        // A module that runs twice (`res3b_relu`) counts with its last run, as in the reference.
        let mut errors: BTreeMap<String, f64> = BTreeMap::new();
        let mut compare = |observed: Observed<'_>| {
            let name = match observed.path {
                "" => "logits".to_owned(),
                _ => format!("output.{}", observed.name()),
            };
            if let Some(expected) = reference.0.get(&name) {
                let found = tensor(observed.values, &expected.size());
                errors.insert(name, relative_l2(&found, expected));
            }
        };
        observe(network.clone(), &weights, Device::Cpu, &batch, &mut compare).unwrap();
        let is_output = |key: &&String| key.starts_with("output.") || *key == "logits";
        let expected = reference.0.keys().filter(is_output).count();
        assert!(expected > 5);
        assert_eq!(errors.len(), expected, "modules not compared");
        most = most.max(expected);
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
            println!("N {segments}, batch {clips}: {name} {error:.1e}");
            assert!(
                error < TOLERANCE,
                "N {segments}, batch {clips}: {name} differ by {error:e}"
            );
        }
    }
    assert!(most > modules, "{most} modules");
}

#[test]
fn every_module_and_the_whole_network_equal_pytorch() {
    let sizes = [(4, 1), (4, 3), (8, 1), (8, 3), (16, 1), (16, 3)];
    assert_equals_pytorch(reference_cases(), &sizes, 100);
}

#[test]
fn every_module_of_eco_full_and_the_whole_network_equal_pytorch() {
    let sizes = [(4, 1), (4, 3), (8, 1), (8, 3), (16, 1), (16, 3)];
    assert_equals_pytorch(reference_cases_of_full(), &sizes, 250);
}

#[test]
fn a_frame_of_eco_full_keeps_its_map_and_its_features_and_answers_from_them() {
    let cases = reference_cases_of_full();
    let weights = Weights::open(&cases.join("weights.safetensors")).unwrap();
    let network = weights.network(Some(4)).unwrap();
    let engine = Libtorch::new(network, &weights, Device::Cpu, Precision::Fp32).unwrap();
    let reference = Tensors::read(&cases.join("case_4_3.safetensors"));
    let clips = batch(reference.get("input"));
    let mut maps = engine.maps(&clips.values[..ClipBatch::FRAME_LEN]).unwrap();
    assert_eq!(maps.values().len(), 96 * 28 * 28 + 1024);
    for frame in clips.values[ClipBatch::FRAME_LEN..].chunks(ClipBatch::FRAME_LEN) {
        maps.append(&engine.maps(frame).unwrap());
    }
    let all = reference.get("logits");
    for (maps, expected) in [
        (maps.clone(), all.shallow_clone()),
        (maps.select(&[8, 9, 10, 11]), all.narrow(0, 2, 1)),
    ] {
        let answer = engine.answer(&maps).unwrap();
        let error = relative_l2(&tensor(&answer.logits, &expected.size()), &expected);
        assert!(error < TOLERANCE, "{error:e}");
    }
}

#[test]
fn names_shapes_and_order_of_the_state_dict_are_pytorchs() {
    for (architecture, arch, count) in [
        (Architecture::Lite, "lite", 216),
        (Architecture::Full, "full", 566),
    ] {
        let net = Network::new(architecture, 400, DEFAULT_SEGMENTS).unwrap();
        let specs = net.state_dict();
        let ours: String = specs
            .iter()
            .map(|spec| format!("{} {:?}\n", spec.name, spec.shape))
            .collect();
        assert_eq!(ours.lines().count(), count);
        let args = ["state_dict", "--arch", arch];
        assert_eq!(ours, script("reference.py", args));
    }
}

#[test]
fn the_printed_tree_is_pytorchs_byte_for_byte() {
    for (architecture, arch, classes, segments) in [
        (Architecture::Lite, "lite", 400, 16),
        (Architecture::Lite, "lite", 51, 8),
        (Architecture::Full, "full", 101, 8),
    ] {
        let net = Network::new(architecture, classes, segments).unwrap();
        let (classes, segments) = (classes.to_string(), segments.to_string());
        let args = [
            "print",
            "--arch",
            arch,
            "--classes",
            &classes,
            "--segments",
            &segments,
        ];
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
