//! Both engines against PyTorch in float64, and what may not change a bit of the Winograd engine's answers.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use common::{Tensors, made_once, relative_l2, script};
use eco::engine::{
    BeforeLastStage, ClipBatch, Device, Engine, EngineChoice, EngineKind, EngineOptions, Libtorch,
    Observed, Output, Precision, Winograd, build, precisions,
};
use eco::recipe::Architecture;
use eco::weights::Weights;
use serde_json::Value;
use tch::{Kind, Tensor};

/// Relative L2 distance to float64. PyTorch's own float32 is 1e-6 away, F(4x4x4) tiles cost some more.
const TOLERANCE: f64 = 6e-6;
/// Between two float32 computations.
const BETWEEN_ENGINES: f64 = 1e-5;

/// What `scripts/engine_reference.py` makes for a network.
struct Reference {
    folder: PathBuf,
    weights: Weights,
}

impl Reference {
    fn new(architecture: Architecture) -> Self {
        let arch = match architecture {
            Architecture::Lite => "lite",
            Architecture::Full => "full",
        };
        let folder = made_once("engine_reference.py", arch, |folder| {
            let args = [folder.as_os_str(), "--arch".as_ref(), arch.as_ref()];
            script("engine_reference.py", args);
        });
        let weights = Weights::open(&folder.join("weights.safetensors")).unwrap();
        Self { folder, weights }
    }

    fn lite() -> Self {
        Self::new(Architecture::Lite)
    }

    fn winograd(&self, segments: usize, threads: usize) -> Winograd {
        let network = self.weights.network(Some(segments)).unwrap();
        Winograd::compile(network, &self.weights, threads).unwrap()
    }

    fn libtorch(&self, segments: usize) -> Libtorch {
        let network = self.weights.network(Some(segments)).unwrap();
        Libtorch::new(network, &self.weights, Device::Cpu, Precision::Fp32).unwrap()
    }

    /// Both engines.
    fn engines(&self, segments: usize) -> [Box<dyn Engine>; 2] {
        [
            Box::new(self.winograd(segments, 2)),
            Box::new(self.libtorch(segments)),
        ]
    }

    fn case(&self, segments: usize) -> Tensors {
        Tensors::read(&self.folder.join(format!("case_{segments}.safetensors")))
    }

    /// What each block made of these clips.
    fn blocks(&self, segments: usize) -> Tensors {
        let name = format!("blocks_{segments}.safetensors");
        Tensors::read(&self.folder.join(name))
    }
}

/// An engine of four segments on the CPU.
fn built(options: &EngineOptions) -> eco::engine::Result<Box<dyn Engine>> {
    let reference = Reference::lite();
    let network = reference.weights.network(Some(4)).unwrap();
    build(network, &reference.weights, options)
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
    for (architecture, sizes) in [
        (Architecture::Lite, &[4, 8, 16, 20][..]),
        (Architecture::Full, &[4, 8, 16]),
    ] {
        let reference = Reference::new(architecture);
        for &segments in sizes {
            let case = reference.case(segments);
            let engines = reference.engines(segments);
            for clips in [1, 3] {
                let batch = batch(&case, &[0, 1, 2][..clips]);
                for engine in &engines {
                    let kind = engine.kind();
                    let what = format!("{architecture}, {kind}, N {segments}, batch {clips}");
                    assert_near(&engine.run(&batch).unwrap(), &case, clips, &what);
                }
            }
        }
    }
}

/// What the blocks make that lie in memory when the fused steps have run: every inception block, every residual block.
#[test]
fn every_block_of_the_winograd_engine_agrees_with_float64() {
    for architecture in Architecture::ALL {
        let reference = Reference::new(architecture);
        for segments in [4, 8, 16] {
            let case = reference.case(segments);
            let blocks = reference.blocks(segments);
            for clips in [1, 3] {
                let batch = batch(&case, &[0, 1, 2][..clips]);
                let mut errors = BTreeMap::new();
                let mut compare = |observed: Observed<'_>| {
                    let Some(expected) = blocks.0.get(&observed.name()) else {
                        return;
                    };
                    let size: Vec<i64> = observed.shape.iter().map(|&n| n as i64).collect();
                    let found = Tensor::from_slice(observed.values).view(&size[..]);
                    let error = relative_l2(&found, &expected.narrow(0, 0, size[0]));
                    errors.insert(observed.name(), error);
                };
                let network = reference.weights.network(Some(segments)).unwrap();
                Winograd::observe(network, &reference.weights, 2, &batch, &mut compare).unwrap();
                // Its mean is no block of a plan: it is among the values of each frame, below.
                let is_block = |name: &&String| *name != "eco_2d_s";
                let names: BTreeSet<&String> = blocks.0.keys().filter(is_block).collect();
                assert!(errors.keys().eq(names), "{architecture}: {errors:?}");
                for (name, error) in &errors {
                    println!("{architecture}, N {segments}, batch {clips}: {name} {error:.1e}");
                    assert!(
                        *error < TOLERANCE,
                        "{architecture}, N {segments}, batch {clips}: {name} differs by {error:e}"
                    );
                }
            }
        }
    }
}

/// The mean of every `len` values, added up as the engine does.
fn means(values: &[f32], len: usize) -> Vec<f32> {
    let mean = |values: &[f32]| values.iter().fold(0.0, |sum, value| sum + value) / len as f32;
    values.chunks_exact(len).map(mean).collect()
}

/// Features are means over the last block of the 3D net, and over the last one of the 2D net.
#[test]
fn looking_at_the_blocks_changes_no_bit() {
    let (segments, clips, pixels) = (4, 2, 7 * 7);
    for architecture in Architecture::ALL {
        let reference = Reference::new(architecture);
        let batch = batch(&reference.case(segments), &[0, 1]);
        let network = reference.weights.network(Some(segments)).unwrap();
        let (mut of_frames, mut of_clips) = (Vec::new(), Vec::new());
        let mut keep = |observed: Observed<'_>| match observed.path {
            "eco_2d_s.inception_5b" => of_frames = means(observed.values, pixels),
            "eco_3d.res_3d_5" => of_clips = means(observed.values, pixels),
            _ => {}
        };
        Winograd::observe(network, &reference.weights, 2, &batch, &mut keep).unwrap();
        let output = reference.winograd(segments, 2).run(&batch).unwrap();
        for clip in 0..clips {
            let mut expected = Vec::new();
            if architecture == Architecture::Full {
                let frames = &of_frames[clip * segments * 1024..][..segments * 1024];
                let of_channel = |channel| frames[channel..].iter().step_by(1024).copied();
                let values: Vec<f32> = (0..1024).flat_map(of_channel).collect();
                expected = means(&values, segments);
            }
            expected.extend(&of_clips[clip * 512..][..512]);
            assert!(output.features_of(clip) == expected, "{architecture}");
        }
    }
}

/// What training the last stage alone reads: the block before it, and in ECO-Full the features of frames.
#[test]
fn up_to_the_last_stage_has_the_bits_of_the_whole_engine() {
    let (segments, clips) = (4, 2);
    for architecture in Architecture::ALL {
        let reference = Reference::new(architecture);
        let network = || reference.weights.network(Some(segments)).unwrap();
        let batch = batch(&reference.case(segments), &[0, 1]);
        let mut of_clips = Vec::new();
        let mut keep = |observed: Observed<'_>| {
            if observed.path == "eco_3d.res_3d_4" {
                of_clips = observed.values.to_vec();
            }
        };
        Winograd::observe(network(), &reference.weights, 2, &batch, &mut keep).unwrap();
        let maps = reference.winograd(segments, 1).maps(&batch.values).unwrap();
        let mut expected = Vec::new();
        for clip in 0..clips {
            let len = of_clips.len() / clips;
            expected.extend_from_slice(&of_clips[clip * len..][..len]);
            for frame in clip * segments..(clip + 1) * segments {
                expected.extend_from_slice(&maps.frame(frame)[96 * 28 * 28..]);
            }
        }
        for threads in [1, 2] {
            let before = BeforeLastStage::compile(network(), &reference.weights, threads).unwrap();
            assert!(before.run(&batch).unwrap() == expected, "{architecture}");
            let len = expected.len() / clips;
            let second = ClipBatch {
                values: batch.values[batch.clip_len()..].to_vec(),
                clips: 1,
                segments,
            };
            assert!(
                before.run(&second).unwrap() == expected[len..],
                "{architecture}"
            );
        }
    }
}

/// The 2D net and the 3D net by themselves, before a mean over frames makes errors smaller.
#[test]
fn maps_and_features_of_each_frame_agree_with_float64() {
    for architecture in Architecture::ALL {
        let reference = Reference::new(architecture);
        let (case, blocks) = (reference.case(4), reference.blocks(4));
        let engine = reference.winograd(4, 2);
        let maps = engine.maps(&batch(&case, &[0, 1, 2]).values).unwrap();
        let found = tensor(maps.values(), maps.frames());
        let (map, features) = match architecture {
            Architecture::Lite => (blocks.get("eco_2d.inception_c"), None),
            Architecture::Full => (
                blocks.get("eco_2d.inception_c[0]"),
                Some(blocks.get("eco_2d_s")),
            ),
        };
        // The engine's maps have their channels last.
        let map = map.permute([0, 2, 3, 1]).flatten(1, 3);
        let mut start = 0;
        for (what, expected) in [("maps", Some(&map)), ("features", features)] {
            if let Some(expected) = expected {
                let expected = expected.flatten(1, -1);
                let error = relative_l2(&found.narrow(1, start, expected.size()[1]), &expected);
                start += expected.size()[1];
                println!("{architecture}: {what} {error:.1e}");
                assert!(
                    error < TOLERANCE,
                    "{architecture}: {what} differ by {error:e}"
                );
            }
        }
        assert_eq!(start, found.size()[1]);
        let answer = engine.answer(&maps).unwrap();
        let volume = 512;
        let start = engine.network().features() as i64 - volume;
        let [found, expected] = [&tensor(&answer.features, 3), case.get("features")]
            .map(|all| all.narrow(1, start, volume));
        let error = relative_l2(&found, &expected);
        assert!(
            error < TOLERANCE,
            "{architecture}: the 3D net differs by {error:e}"
        );
    }
}

#[test]
fn a_clip_has_the_same_answer_in_any_place_with_any_threads_and_every_time() {
    for architecture in Architecture::ALL {
        let reference = Reference::new(architecture);
        let case = reference.case(4);
        let alone = reference.winograd(4, 1).run(&batch(&case, &[0])).unwrap();
        for threads in [1, 2, 3] {
            let engine = reference.winograd(4, threads);
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
                assert!(same, "{architecture}, {threads} threads, clips {clips:?}");
            }
        }
    }
}

#[test]
fn fewer_bits_are_refused_on_a_cpu_except_bfloat16_by_the_engine_that_has_it() {
    let error = |choice, precision| {
        let made = built(&EngineOptions {
            choice,
            precision,
            ..EngineOptions::default()
        });
        made.err().map(|error| error.to_string())
    };
    for &choice in EngineChoice::ALL {
        for precision in [Precision::Fp16, Precision::Tf32] {
            let message = format!(
                "precision {precision} is for CUDA devices; a CPU computes in fp32, one with AMX-BF16 in bf16 too"
            );
            assert_eq!(error(choice, precision), Some(message));
        }
    }
    for choice in [EngineChoice::Libtorch, EngineChoice::Winograd] {
        let error = error(choice, Precision::Bf16).unwrap();
        let expected = format!("the {choice} engine computes in fp32 on a CPU");
        assert!(error.starts_with(&expected), "{error}");
    }
    match error(EngineChoice::Auto, Precision::Bf16) {
        None => assert!(precisions(Device::Cpu).contains(&Precision::Bf16)),
        Some(error) => assert!(error.contains("AMX-BF16, which"), "{error}"),
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
    for architecture in Architecture::ALL {
        let reference = Reference::new(architecture);
        let batch = batch(&reference.case(4), &[0, 1]);
        for engine in reference.engines(4) {
            let what = format!("{architecture}, {}", engine.kind());
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
            assert!(error < BETWEEN_ENGINES, "{what}: {error:e}");
            // The second clip's maps alone are the second clip.
            let second = engine.answer(&maps.select(&[4, 5, 6, 7])).unwrap();
            let error = relative_l2(&tensor(&second.logits, 1), &tensor(whole.logits_of(1), 1));
            assert!(error < BETWEEN_ENGINES, "{what}: {error:e}");
            let error = engine.answer(&maps.select(&[0, 1, 2])).unwrap_err();
            assert!(error.to_string().contains("clips' maps"), "{error}");
        }
    }
}

#[test]
fn more_threads_than_frames_give_the_same_answer() {
    for architecture in Architecture::ALL {
        let reference = Reference::new(architecture);
        let batch = batch(&reference.case(4), &[0]);
        let logits = |threads| reference.winograd(4, threads).run(&batch).unwrap().logits;
        assert_eq!(logits(1), logits(19), "{architecture}");
    }
}

#[test]
fn extreme_inputs_are_computed_as_libtorch_computes_them() {
    for architecture in Architecture::ALL {
        let engines = Reference::new(architecture).engines(4);
        for value in [0.0, 255.0, -128.0, 1.0] {
            let mut batch = ClipBatch::zeros(1, 4);
            batch.values.fill(value);
            let [found, expected] =
                [0, 1].map(|i| tensor(&engines[i].run(&batch).unwrap().logits, 1));
            let error = relative_l2(&found, &expected);
            assert!(
                error < BETWEEN_ENGINES,
                "{architecture}, {value}: {error:e}"
            );
        }
    }
}

#[test]
fn a_nan_pixel_spoils_its_own_clip_only_and_only_that_run() {
    for architecture in Architecture::ALL {
        let reference = Reference::new(architecture);
        let case = reference.case(4);
        let engine = reference.winograd(4, 2);
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
}

#[test]
fn any_number_of_classes_is_compiled() {
    let reference = Reference::lite();
    let mut weights = Tensors::read(&reference.folder.join("weights.safetensors"));
    for name in ["fc_final.weight", "fc_final.bias"] {
        let head = weights.get(name).narrow(0, 0, 7).contiguous();
        weights.0.insert(name.into(), head);
    }
    let tensors: Vec<(String, Tensor)> = weights.0.into_iter().collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seven.safetensors");
    Tensor::write_safetensors(&tensors, &path).unwrap();
    let weights = Weights::open(&path).unwrap();
    let case = reference.case(4);
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
    let reference = Reference::lite();
    let case = reference.case(4);
    Tensor::write_safetensors(&[("input", case.get("input").shallow_clone())], &input).unwrap();
    let weights = reference.folder.join("weights.safetensors");
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
