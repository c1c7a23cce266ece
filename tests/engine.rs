//! Both engines against PyTorch in float64, and what may not change a bit of the Winograd engine's answers.

mod common;

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use common::{Tensors, made_once, relative_l2, script};
use eco::engine::{
    ClipBatch, Device, Engine, EngineChoice, EngineKind, EngineOptions, Libtorch, Output,
    Precision, Winograd, build,
};
use eco::weights::Weights;
use serde_json::Value;
use tch::{Kind, Tensor};

/// Relative L2 distance to float64. PyTorch's own float32 is 1e-6 away, F(4x4x4) tiles cost some more.
const TOLERANCE: f64 = 6e-6;
/// Between two float32 computations.
const BETWEEN_ENGINES: f64 = 1e-5;

fn cases() -> &'static Path {
    static FOLDER: OnceLock<std::path::PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        made_once("engine_reference.py", "float64", |folder| {
            script("engine_reference.py", [OsStr::new(folder)]);
        })
    })
}

fn weights() -> Weights {
    Weights::open(&cases().join("weights.safetensors")).unwrap()
}

fn winograd(segments: usize, threads: usize) -> Winograd {
    let weights = weights();
    let network = weights.network(Some(segments)).unwrap();
    Winograd::compile(network, &weights, threads).unwrap()
}

fn libtorch(segments: usize) -> Libtorch {
    let weights = weights();
    let network = weights.network(Some(segments)).unwrap();
    Libtorch::new(network, &weights, Device::Cpu, Precision::Fp32).unwrap()
}

/// An engine of four segments on the CPU.
fn built(options: &EngineOptions) -> eco::engine::Result<Box<dyn Engine>> {
    let weights = weights();
    build(weights.network(Some(4)).unwrap(), &weights, options)
}

fn case(segments: usize) -> Tensors {
    Tensors::read(&cases().join(format!("case_{segments}.safetensors")))
}

/// The given clips of a case.
fn batch(case: &Tensors, clips: &[usize]) -> ClipBatch {
    let input = case.get("input");
    let mut batch = ClipBatch::zeros(clips.len(), input.size()[1] as usize);
    for (place, &clip) in clips.iter().enumerate() {
        let values = batch.clip_mut(place);
        let count = values.len();
        input.get(clip as i64).contiguous().copy_data(values, count);
    }
    batch
}

fn tensor(values: &[f32], clips: usize) -> Tensor {
    Tensor::from_slice(values).view([clips as i64, -1])
}

fn assert_near(output: &Output, case: &Tensors, clips: usize, what: &str) {
    for (name, values) in [("features", &output.features), ("logits", &output.logits)] {
        let expected = case.get(name).narrow(0, 0, clips as i64);
        let error = relative_l2(&tensor(values, clips), &expected);
        println!("{what}: {name} {error:.1e}");
        assert!(error < TOLERANCE, "{what}: {name} differ by {error:e}");
    }
}

#[test]
fn both_engines_agree_with_float64_for_any_segments_and_batch() {
    for segments in [4, 8, 16, 20] {
        let case = case(segments);
        let engines: [Box<dyn Engine>; 2] = [
            Box::new(winograd(segments, 2)),
            Box::new(libtorch(segments)),
        ];
        for clips in [1, 3] {
            let batch = batch(&case, &[0, 1, 2][..clips]);
            for engine in &engines {
                let what = format!("{}, N {segments}, batch {clips}", engine.kind());
                assert_near(&engine.run(&batch).unwrap(), &case, clips, &what);
            }
        }
    }
}

#[test]
fn a_clip_has_the_same_answer_in_any_place_with_any_threads_and_every_time() {
    let case = case(4);
    let alone = winograd(4, 1).run(&batch(&case, &[0])).unwrap();
    for threads in [1, 2, 3] {
        let engine = winograd(4, threads);
        for clips in [
            &[0][..],
            &[0],
            &[0, 1, 2],
            &[1, 2, 0],
            &[2, 1, 1, 2, 1, 0, 2],
        ] {
            let output = engine.run(&batch(&case, clips)).unwrap();
            let place = clips.iter().position(|&clip| clip == 0).unwrap();
            let same = output.logits_of(place) == alone.logits
                && output.features_of(place) == alone.features;
            assert!(same, "{threads} threads, clips {clips:?}");
        }
    }
}

#[test]
fn half_precision_is_refused_on_a_cpu() {
    for &choice in EngineChoice::ALL {
        let made = built(&EngineOptions {
            choice,
            precision: Precision::Bf16,
            ..EngineOptions::default()
        });
        let error = made.err().unwrap().to_string();
        assert_eq!(
            error,
            "precision bf16 is for CUDA devices; a CPU computes in fp32"
        );
    }
}

#[test]
fn auto_compiles_when_there_is_enough_to_run() {
    if !Winograd::is_fast_here() {
        println!("skipped: this CPU has no AVX2 and FMA, auto takes libtorch here");
        return;
    }
    let kind = |frames| {
        let options = EngineOptions {
            frames,
            ..EngineOptions::default()
        };
        built(&options).unwrap().kind()
    };
    assert_eq!(kind(Some(4)), EngineKind::Libtorch);
    assert_eq!(kind(Some(8)), EngineKind::Winograd);
    assert_eq!(kind(None), EngineKind::Winograd);
}

#[test]
fn maps_made_frame_by_frame_give_the_answer_of_the_whole_clip() {
    let case = case(4);
    let batch = batch(&case, &[0, 1]);
    for engine in [
        Box::new(winograd(4, 2)) as Box<dyn Engine>,
        Box::new(libtorch(4)),
    ] {
        let whole = engine.run(&batch).unwrap();
        let mut maps = engine.maps(&batch.values[..ClipBatch::FRAME_LEN]).unwrap();
        for frame in batch.values[ClipBatch::FRAME_LEN..].chunks(ClipBatch::FRAME_LEN) {
            maps.append(&engine.maps(frame).unwrap());
        }
        let output = engine.answer(&maps).unwrap();
        if engine.kind() == EngineKind::Winograd {
            assert_eq!(output.logits, whole.logits);
        }
        let error = relative_l2(&tensor(&output.logits, 2), &tensor(&whole.logits, 2));
        assert!(error < BETWEEN_ENGINES, "{}: {error:e}", engine.kind());
        // The second clip's maps alone are the second clip.
        let second = engine.answer(&maps.select(&[4, 5, 6, 7])).unwrap();
        let error = relative_l2(&tensor(&second.logits, 1), &tensor(whole.logits_of(1), 1));
        assert!(error < BETWEEN_ENGINES, "{}: {error:e}", engine.kind());
        let error = engine.answer(&maps.select(&[0, 1, 2])).unwrap_err();
        assert!(error.to_string().contains("clips' maps"), "{error}");
    }
}

#[test]
fn more_threads_than_frames_give_the_same_answer() {
    let case = case(4);
    let batch = batch(&case, &[0]);
    let expected = winograd(4, 1).run(&batch).unwrap().logits;
    assert_eq!(winograd(4, 19).run(&batch).unwrap().logits, expected);
}

#[test]
fn extreme_inputs_are_computed_as_libtorch_computes_them() {
    let engines: [Box<dyn Engine>; 2] = [Box::new(winograd(4, 2)), Box::new(libtorch(4))];
    for value in [0.0, 255.0, -128.0, 1.0] {
        let mut batch = ClipBatch::zeros(1, 4);
        batch.values.fill(value);
        let [found, expected] = [0, 1].map(|i| tensor(&engines[i].run(&batch).unwrap().logits, 1));
        let error = relative_l2(&found, &expected);
        assert!(error < BETWEEN_ENGINES, "{value}: {error:e}");
    }
}

#[test]
fn a_nan_pixel_spoils_its_own_clip_only_and_only_that_run() {
    let case = case(4);
    let engine = winograd(4, 2);
    let clean = engine.run(&batch(&case, &[0, 1, 2])).unwrap();
    let mut spoilt = batch(&case, &[0, 1, 2]);
    let middle = spoilt.clip_len() / 2;
    spoilt.clip_mut(1)[middle] = f32::NAN;
    let output = engine.run(&spoilt).unwrap();
    assert!(output.logits_of(1).iter().all(|logit| logit.is_nan()));
    for place in [0, 2] {
        assert_eq!(output.logits_of(place), clean.logits_of(place));
    }
    let again = engine.run(&batch(&case, &[0, 1, 2])).unwrap();
    assert_eq!(again.logits, clean.logits);
}

#[test]
fn any_number_of_classes_is_compiled() {
    let mut weights = Tensors::read(&cases().join("weights.safetensors"));
    for name in ["fc_final.weight", "fc_final.bias"] {
        let head = weights.get(name).narrow(0, 0, 7).contiguous();
        weights.0.insert(name.into(), head);
    }
    let tensors: Vec<(String, Tensor)> = weights.0.into_iter().collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seven.safetensors");
    Tensor::write_safetensors(&tensors, &path).unwrap();
    let weights = Weights::open(&path).unwrap();
    let case = case(4);
    let output = Winograd::compile(weights.network(Some(4)).unwrap(), &weights, 2)
        .unwrap()
        .run(&batch(&case, &[0]))
        .unwrap();
    let expected = case.get("logits").narrow(0, 0, 1).narrow(1, 0, 7);
    assert!(relative_l2(&tensor(&output.logits, 1), &expected.to_kind(Kind::Float)) < TOLERANCE);
}

fn eco(args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_eco"))
        .args(args)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn classify_names_the_engine_and_both_give_the_same_top_5() {
    let clips = common::root().join("tests/clips");
    let clip = std::fs::read_dir(&clips)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let clip = clip.filter(|path| path.is_dir()).min().unwrap();
    let clip = clip.to_str().unwrap();
    let answer = |engine| {
        let args = [
            "classify",
            clip,
            "--weights",
            "demo",
            "--device",
            "cpu",
            "--quiet",
            "--format",
            "json",
        ];
        let answer = eco(&[&args[..], &["--engine", engine]].concat());
        let row = answer.as_array().map_or(&answer, |rows| &rows[0]).clone();
        assert_eq!(row["engine"], engine);
        let top = row["top"].as_array().unwrap();
        top.iter()
            .map(|class| class["label"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(answer("winograd"), answer("libtorch"));
}

#[test]
fn bench_measures_each_stage_and_writes_what_the_network_said() {
    let folder = tempfile::tempdir().unwrap();
    let (input, outputs) = (
        folder.path().join("x.safetensors"),
        folder.path().join("y.safetensors"),
    );
    let case = case(4);
    Tensor::write_safetensors(&[("input", case.get("input").shallow_clone())], &input).unwrap();
    let weights = cases().join("weights.safetensors");
    let [input, output, weights] = [&input, &outputs, &weights].map(|path| path.to_str().unwrap());
    let args = [
        "bench", "-w", weights, "--device", "cpu", "--runs", "2", "--warmup", "0", "--format",
        "json",
    ];
    let report = eco(&[
        &args[..],
        &[
            "--engine",
            "winograd",
            "--input",
            input,
            "--outputs",
            output,
        ],
    ]
    .concat());
    assert_eq!(
        (&report["engine"], &report["batch"]),
        (&"winograd".into(), &3.into())
    );
    let stages: Vec<&str> = report["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| stage["name"].as_str().unwrap())
        .collect();
    assert_eq!(stages, ["weights", "engine", "first forward", "forward"]);
    let found = Tensors::read(&outputs);
    assert!(relative_l2(found.get("logits"), case.get("logits")) < TOLERANCE);
}
