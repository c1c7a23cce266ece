//! `eco classify` on directories of frames against the same job done in Python.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{reference_cases, root, script};
use serde_json::Value;

/// PNG frames are decoded alike, so that only the order of float32 sums differs.
const LOSSLESS_TOLERANCE: f64 = 1e-5;
/// JPEG decoders round differently.
const SCORE_TOLERANCE: f64 = 0.005;

fn eco(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command
        .args(args)
        .env_remove("ECO_WEIGHTS")
        .output()
        .unwrap()
}

fn weights() -> String {
    reference_cases()
        .join("weights.safetensors")
        .display()
        .to_string()
}

fn frames(folder: &Path, count: &str, extension: &str) -> String {
    let path = folder.display().to_string();
    script("classify.py", ["--frames", &path, count, extension]);
    path
}

fn classified(args: &[&str]) -> Value {
    let output = eco(&[
        &[
            "classify", "--format", "json", "--topk", "400", "--device", "cpu",
        ],
        args,
    ]
    .concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    rows[0].clone()
}

/// All logits of an answer in class order.
fn logits(answer: &Value) -> Vec<f64> {
    let classes = answer["top"].as_array().unwrap();
    let mut logits = vec![f64::NAN; classes.len()];
    for class in classes {
        logits[class["index"].as_u64().unwrap() as usize] = class["logit"].as_f64().unwrap();
    }
    logits
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_f64().unwrap())
        .collect()
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f64::MIN, f64::max);
    let exponentials: Vec<f64> = logits.iter().map(|logit| (logit - max).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|value| value / sum).collect()
}

#[test]
fn png_frames_give_pytorchs_logits() {
    let folder = tempfile::tempdir().unwrap();
    for (segments, count) in [("16", "37"), ("8", "5")] {
        let clip = frames(&folder.path().join(segments), count, "png");
        let ours = classified(&[&clip, "--weights", &weights(), "--segments", segments]);
        let reference = script("classify.py", [&weights(), &clip, "--segments", segments]);
        let reference: Value = serde_json::from_str(&reference).unwrap();
        assert_eq!(numbers(&ours["frames"]), numbers(&reference["frames"]));

        let (ours, theirs) = (logits(&ours), numbers(&reference["logits"]));
        let norm =
            |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let difference = norm(&mut ours.iter().zip(&theirs).map(|(a, b)| a - b));
        let error = difference / norm(&mut theirs.iter().copied());
        assert!(
            error < LOSSLESS_TOLERANCE,
            "{segments} segments: logits differ by {error:e}"
        );
    }
}

#[test]
fn jpeg_frames_give_pytorchs_best_classes() {
    let folder = tempfile::tempdir().unwrap();
    let clip = frames(&folder.path().join("clip"), "280", "jpg");
    let ours = classified(&[&clip, "--weights", &weights()]);
    let reference: Value =
        serde_json::from_str(&script("classify.py", [&weights(), &clip])).unwrap();
    assert_eq!(numbers(&ours["frames"]), numbers(&reference["frames"]));
    let theirs = softmax(&numbers(&reference["logits"]));
    for class in ours["top"].as_array().unwrap().iter().take(5) {
        let (index, score) = (
            class["index"].as_u64().unwrap() as usize,
            class["score"].as_f64().unwrap(),
        );
        assert!(
            (score - theirs[index]).abs() < SCORE_TOLERANCE,
            "class {index}: {score}, PyTorch {}",
            theirs[index]
        );
    }
}

#[test]
fn the_demo_recognises_every_example_clip() {
    let clips = root().join("tests/clips");
    let mut seen = 0;
    for clip in clips.read_dir().unwrap() {
        let clip: PathBuf = clip.unwrap().path();
        let answer = classified(&[&clip.display().to_string(), "--weights", "demo"]);
        let expected = clip
            .file_name()
            .unwrap()
            .to_string_lossy()
            .replace('_', " ");
        assert_eq!(answer["top"][0]["label"], expected, "{}", clip.display());
        seen += 1;
    }
    assert!(seen >= 6, "{seen} example clips");
}
