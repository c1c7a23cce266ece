//! `eco summary --activations` and `--weights`: what passes through the network, and where it parts from PyTorch.

mod common;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use common::{Tensors, reference_cases};
use image::RgbImage;
use serde_json::Value;
use tch::{Kind, Tensor};

fn eco<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_eco"))
        .arg("summary")
        .args(args)
        .env_remove("ECO_WEIGHTS")
        .output()
        .unwrap()
}

fn weights() -> PathBuf {
    reference_cases().join("weights.safetensors")
}

/// Input and output of every module by PyTorch, for one clip of four segments.
fn case() -> PathBuf {
    reference_cases().join("case_4_1.safetensors")
}

/// `--activations` on the reference's own input, compared with `reference`.
fn compared(reference: &Path, more: &[&str]) -> Output {
    let (weights, case) = (weights(), case());
    let args = [
        OsStr::new("--activations"),
        case.as_os_str(),
        "--weights".as_ref(),
        weights.as_os_str(),
        "--segments".as_ref(),
        "4".as_ref(),
        "--compare".as_ref(),
        reference.as_os_str(),
    ];
    eco(args.into_iter().chain(more.iter().map(OsStr::new)))
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// The reference's file with one tensor replaced.
fn with(name: &str, change: impl FnOnce(&Tensor) -> Tensor) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = Tensors::read(&case()).0;
    let changed = change(&tensors[name]);
    tensors.insert(name.to_owned(), changed);
    let tensors: Vec<(String, Tensor)> = tensors.into_iter().collect();
    Tensor::write_safetensors(&tensors, folder.path().join("ref.safetensors")).unwrap();
    folder
}

#[test]
fn all_outputs_agree_with_pytorch() {
    let output = compared(&case(), &["--tolerance", "1e-5", "--format", "json"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found = json(&output);
    assert!(found.get("first_difference").is_none());
    let outputs = found["outputs"].as_array().unwrap();
    assert_eq!(outputs[0]["name"], "input");
    assert_eq!(outputs[0]["comparison"]["difference"]["max_abs"], 0.0);
    let measured = outputs
        .iter()
        .filter(|row| row["comparison"]["difference"].is_object());
    // Every module runs once but for res3b_1_relu, which never does; res3b_relu counts with its last run.
    assert_eq!(measured.count(), 107);
    let overwritten = outputs
        .iter()
        .filter(|row| row["comparison"] == "overwritten");
    let names: Vec<&Value> = overwritten.map(|row| &row["name"]).collect();
    assert_eq!(names, ["eco_3d.res_3d_3.res3b_relu"]);
}

#[test]
fn statistics_are_those_of_pytorchs_outputs() {
    let reference = Tensors::read(&case());
    let found = json(&compared(&case(), &["--format", "json"]));
    let last: HashMap<&str, &Value> = found["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["name"].as_str().unwrap(), row))
        .collect();
    for name in [
        "eco_2d.basic_conv.conv1_7x7_s2",
        "eco_2d.inception_a.inception_3a_relu_1x1",
        "eco_3d.res_3d_4",
        "fc_final",
    ] {
        let expected = reference
            .get(&format!("output.{name}"))
            .to_kind(Kind::Double);
        let close = |found: &Value, expected: f64| {
            let found = found.as_f64().unwrap();
            assert!(
                (found - expected).abs() < 1e-5 * expected.abs().max(1.0),
                "{name}: {found} {expected}"
            );
        };
        let row = last[name];
        close(&row["mean"], expected.mean(Kind::Double).double_value(&[]));
        close(&row["std"], expected.std(false).double_value(&[]));
        let zeros = expected.eq(0.0).to_kind(Kind::Double).mean(Kind::Double);
        close(&row["zeros"], zeros.double_value(&[]));
        assert_eq!(row["non_finite"], 0);
        assert_eq!(row["shape"], serde_json::json!(expected.size()));
    }
}

#[test]
fn the_first_layer_that_parts_is_named() {
    let name = "eco_2d.inception_b.inception_3b_pool";
    let reference = with(&format!("output.{name}"), |output| output * 1.01);
    let path = reference.path().join("ref.safetensors");
    let output = compared(&path, &[]);
    assert_eq!(output.status.code(), Some(1));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.ends_with(&format!("First difference: {name}\n")),
        "{stdout}"
    );
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains(name) && stderr.contains("ref.safetensors"),
        "{stderr}"
    );
    // What is said to be rounding is no difference.
    assert!(compared(&path, &["--tolerance", "0.1"]).status.success());
}

#[test]
fn clips_that_differ_are_told_from_layers_that_do() {
    let reference = with("input", |input| input + 1.0);
    let output = compared(
        &reference.path().join("ref.safetensors"),
        &["--format", "json"],
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["first_difference"], "input");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("preprocessing"), "{stderr}");
}

#[test]
fn another_shape_and_a_nan_are_differences() {
    let name = "output.eco_3d.res_3d_3.res3a_2";
    for change in [
        (|output: &Tensor| output.narrow(2, 0, 2).contiguous()) as fn(&Tensor) -> Tensor,
        |output| output * f64::NAN,
    ] {
        let reference = with(name, change);
        let output = compared(
            &reference.path().join("ref.safetensors"),
            &["--format", "csv"],
        );
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            stderr.contains("eco_3d.res_3d_3.res3a_2 is the first"),
            "{stderr}"
        );
    }
}

#[test]
fn a_reference_without_activations_says_what_is_missing() {
    let output = compared(&weights(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("weights.safetensors") && stderr.contains("output."),
        "{stderr}"
    );
}

/// Five small frames of a bright box that moves.
fn clip() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for frame in 0..5_u32 {
            let image = RgbImage::from_fn(240, 240, |x, y| {
                let inside = (frame * 20..frame * 20 + 60).contains(&x) && (80..160).contains(&y);
                if inside {
                    [220, 200, 40].into()
                } else {
                    [20, 30, 40].into()
                }
            });
            image
                .save(folder.path().join(format!("img_{frame}.png")))
                .unwrap();
        }
        folder
    });
    folder.path()
}

#[test]
fn a_dump_of_a_clip_holds_what_was_seen_and_runs_again_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (dump, weights) = (folder.path().join("dump.safetensors"), weights());
    let run = |clip: &Path, flag: &str| {
        let args = [
            OsStr::new("--activations"),
            clip.as_os_str(),
            "--weights".as_ref(),
            weights.as_os_str(),
            "--segments".as_ref(),
            "4".as_ref(),
            flag.as_ref(),
            dump.as_os_str(),
        ];
        let output = eco(args);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stderr).unwrap()
    };
    run(clip(), "--dump");
    let tensors = Tensors::read(&dump);
    assert_eq!(tensors.get("input").size(), [1, 4, 3, 224, 224]);
    assert_eq!(tensors.get("output.eco_3d").size(), [1, 512]);
    // A ReLU works in place: what came before it must not have been overwritten.
    let before = tensors.get("output.eco_2d.basic_conv.conv1_7x7_s2_bn");
    assert!(before.min().double_value(&[]) < 0.0);
    for again in [clip(), &dump] {
        let stderr = run(again, "--compare");
        assert!(stderr.contains("107 outputs agree"), "{stderr}");
    }
}

#[test]
fn weights_add_their_statistics_and_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spoiled.safetensors");
    let mut tensors = Tensors::read(&weights()).0;
    let spoiled = tensors
        .get_mut("eco_3d.res_3d_5.res5a_bn.running_var")
        .unwrap();
    *spoiled = spoiled.copy();
    let _ = spoiled.get(3).fill_(f64::INFINITY);
    let name = "eco_2d.basic_conv.conv2_3x3.weight";
    let expected = tensors[name].to_kind(Kind::Double);
    let tensors: Vec<(String, Tensor)> = tensors.into_iter().collect();
    Tensor::write_safetensors(&tensors, &path).unwrap();

    let args = [
        OsStr::new("--format"),
        "json".as_ref(),
        "--weights".as_ref(),
        path.as_os_str(),
    ];
    let found = json(&eco(args));
    let row = |name: &str| {
        let layers = found["layers"].as_array().unwrap();
        layers
            .iter()
            .find(|row| row["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(row("eco_3d.res_3d_5.res5a_bn")["non_finite"], 1);
    assert_eq!(row("eco_3d")["non_finite"], 1);
    assert_eq!(row("eco_2d")["non_finite"], 0);
    let weight = &row("eco_2d.basic_conv.conv2_3x3")["weight"];
    assert_eq!(weight["dtype"], "F32");
    let close = |found: &Value, expected: f64| (found.as_f64().unwrap() - expected).abs() < 1e-9;
    assert!(close(
        &weight["mean"],
        expected.mean(Kind::Double).double_value(&[])
    ));
    assert!(close(&weight["std"], expected.std(false).double_value(&[])));
    assert_eq!(found["weights"]["metadata"]["classes"], 400);
    assert!(
        found["weights"]["file"]
            .as_str()
            .unwrap()
            .ends_with("spoiled.safetensors")
    );
}

#[test]
fn flags_that_contradict_each_other_are_wrong_usage() {
    for args in [
        &["--compare", "x.safetensors"][..],
        &["--dump", "x.safetensors"],
        &["--activations", "x", "--classes", "3"],
        &["--activations", "x", "--batch", "3"],
        &["--weights", "demo", "--classes", "3"],
    ] {
        assert_eq!(eco(args).status.code(), Some(2), "{args:?}");
    }
    assert_eq!(
        eco(["--activations", "no/such/clip", "--weights", "demo"])
            .status
            .code(),
        Some(1)
    );
}
