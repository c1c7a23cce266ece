//! Whole networks on the emulated unit, beside the Winograd engine in float32.

use super::super::engine::Direct;
use super::{Emulation, emulation};
use crate::engine::cpu::amx::Amx;
use crate::engine::cpu::testing::Random;
use crate::engine::{ClipBatch, Engine, EngineKind, Precision, Winograd};
use crate::recipe::{Architecture, FRAME_SIZE};
use crate::weights::{Weights, seeded};
use safetensors::tensor::{Dtype, TensorView};

/// Relative L2 distance of logits to float32: eight significant bits from layer to layer.
const TOLERANCE: f64 = 5e-3;

/// Pictures of squares of 16 pixels, each of one colour, 0 to 255 less a mean.
fn clips(seed: u64, count: usize, segments: usize) -> ClipBatch {
    const SQUARES: usize = FRAME_SIZE / 16;
    let mut random = Random(seed);
    let mut batch = ClipBatch::zeros(count, segments);
    for plane in batch.values.chunks_exact_mut(FRAME_SIZE * FRAME_SIZE) {
        let colours = random.take(SQUARES * SQUARES);
        for (pixel, value) in plane.iter_mut().enumerate() {
            let (row, column) = (pixel / FRAME_SIZE / 16, pixel % FRAME_SIZE / 16);
            *value = (60.0 * colours[row * SQUARES + column]).clamp(-117.0, 138.0);
        }
    }
    batch
}

/// The clips of these places, in that order.
fn chosen(batch: &ClipBatch, places: &[usize]) -> ClipBatch {
    let clip = |&place: &usize| &batch.values[place * batch.clip_len()..][..batch.clip_len()];
    ClipBatch {
        values: places.iter().flat_map(clip).copied().collect(),
        clips: places.len(),
        segments: batch.segments,
    }
}

fn engine(weights: &Weights, segments: usize, threads: usize) -> Direct<Emulation> {
    let network = weights.network(Some(segments)).unwrap();
    Direct::compile(emulation(), network, weights, threads).unwrap()
}

fn winograd(weights: &Weights, segments: usize) -> Winograd {
    Winograd::compile(weights.network(Some(segments)).unwrap(), weights, 2).unwrap()
}

fn distance(found: &[f32], expected: &[f32]) -> f64 {
    let expected: Vec<f64> = expected.iter().map(|&value| value.into()).collect();
    crate::engine::cpu::testing::relative_error(found, &expected)
}

fn first_class(logits: &[f32]) -> usize {
    let classes = 0..logits.len();
    classes
        .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
        .unwrap()
}

/// Logits within the tolerance, and the first class of every clip. Prints the distance.
fn check(what: &str, found: &[f32], expected: &[f32], clips: usize) {
    let error = distance(found, expected);
    println!("{what}: logits {error:.1e}");
    assert!(error < TOLERANCE, "{what}: {error:.1e}");
    let classes = expected.len() / clips;
    for (found, expected) in found.chunks(classes).zip(expected.chunks(classes)) {
        assert_eq!(first_class(found), first_class(expected), "{what}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes too long")]
fn both_networks_are_near_float32() {
    for architecture in Architecture::ALL {
        let weights = Weights::made_up(architecture).unwrap();
        let batch = clips(1, 1, 4);
        let found = engine(&weights, 4, 2).run(&batch).unwrap();
        let expected = winograd(&weights, 4).run(&batch).unwrap();
        check(
            &format!("{architecture}, N 4"),
            &found.logits,
            &expected.logits,
            1,
        );
        let error = distance(&found.features, &expected.features);
        assert!(error < TOLERANCE, "{architecture}: features {error:.1e}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes too long")]
fn a_clip_has_the_same_answer_in_any_place_with_any_threads_and_beside_a_spoilt_one() {
    let weights = Weights::made_up(Architecture::Full).unwrap();
    let batch = clips(2, 2, 4);
    let alone = engine(&weights, 4, 1).run(&chosen(&batch, &[1])).unwrap();
    let engine = engine(&weights, 4, 3);
    assert_eq!(
        (engine.kind(), engine.precision()),
        (EngineKind::Direct, Precision::Bf16)
    );
    let mut spoilt = chosen(&batch, &[0, 1]);
    let middle = spoilt.clip_len() / 2;
    spoilt.clip_mut(0)[middle] = f32::NAN;
    let output = engine.run(&spoilt).unwrap();
    assert!(output.logits_of(0).iter().all(|logit| logit.is_nan()));
    assert_eq!(output.logits_of(1), alone.logits);
    assert_eq!(output.features_of(1), alone.features);
    // Nothing of the spoilt clip is left in memory; the maps of frames, made in two parts, are those of the clip.
    let frames = &chosen(&batch, &[1]).values;
    let (first, rest) = frames.split_at(ClipBatch::FRAME_LEN);
    let mut maps = engine.maps(first).unwrap();
    maps.append(&engine.maps(rest).unwrap());
    let answer = engine.answer(&maps).unwrap();
    assert_eq!(answer.logits, alone.logits);
    let error = engine.answer(&maps.select(&[0, 1, 2])).unwrap_err();
    assert!(error.to_string().contains("clips' maps"), "{error}");
}

/// The only test of whole networks on the unit itself.
#[test]
fn the_unit_and_its_emulation_give_the_same_bits() {
    let Some(amx) = Amx::detect() else {
        println!("skipped: this CPU or system has no AMX, which is emulated only");
        return;
    };
    for architecture in Architecture::ALL {
        let weights = Weights::made_up(architecture).unwrap();
        let batch = clips(3, 1, 4);
        let network = weights.network(Some(4)).unwrap();
        let unit = Direct::compile(amx, network, &weights, 2).unwrap();
        let emulated = engine(&weights, 4, 2).run(&batch).unwrap();
        assert_eq!(
            unit.run(&batch).unwrap().logits,
            emulated.logits,
            "{architecture}"
        );
    }
}

/// Weights of a seed, in a file: convolutions as those that are made up, batch norms that change something, so many classes.
fn drawn(
    seed: u64,
    architecture: Architecture,
    classes: usize,
    folder: &std::path::Path,
) -> Weights {
    let network = crate::network::Network::new(architecture, classes, 16).unwrap();
    let mut random = Random(seed);
    let tensors = network.state_dict().into_iter().map(|spec| {
        let mut tensor = seeded::tensor(seed, &spec);
        let is_part = |part: &str| spec.name.ends_with(part);
        if spec.shape.len() == 1 {
            let noise = random.take(spec.shape[0]).into_iter();
            let values = noise.map(|noise| {
                let around = f32::from(is_part("weight") || is_part("running_var"));
                around + 0.1 * noise.clamp(-3.0, 3.0)
            });
            tensor.data = values
                .flat_map(f32::to_le_bytes)
                .collect::<Vec<u8>>()
                .into();
        }
        (spec, tensor)
    });
    let tensors: Vec<_> = tensors.collect();
    let views = tensors.iter().map(|(spec, tensor)| {
        let kind = if spec.is_counter() {
            Dtype::I64
        } else {
            Dtype::F32
        };
        let view = TensorView::new(kind, spec.shape.clone(), &tensor.data).unwrap();
        (spec.name.clone(), view)
    });
    let path = folder.join(format!("{seed}.safetensors"));
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    Weights::open(&path).unwrap()
}

#[test]
#[cfg_attr(miri, ignore = "takes too long")]
fn any_number_of_classes_is_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let weights = drawn(7, Architecture::Lite, 5, folder.path());
    let batch = clips(4, 1, 4);
    let found = engine(&weights, 4, 2).run(&batch).unwrap();
    assert_eq!((found.classes, found.logits.len()), (5, 5));
    let expected = winograd(&weights, 4).run(&batch).unwrap();
    check("five classes", &found.logits, &expected.logits, 1);
}

/// The table of docs/engine.md: `cargo test --release --no-default-features --lib direct -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn both_networks_are_near_float32_for_five_seeds_and_any_segments() {
    let folder = tempfile::tempdir().unwrap();
    for architecture in Architecture::ALL {
        for seed in 1..=5 {
            let weights = drawn(seed, architecture, 400, folder.path());
            for segments in [4, 8, 16] {
                let batch = clips(seed, 1, segments);
                let found = engine(&weights, segments, 2).run(&batch).unwrap();
                let expected = winograd(&weights, segments).run(&batch).unwrap();
                let what = format!("{architecture}, seed {seed}, N {segments}");
                check(&what, &found.logits, &expected.logits, 1);
            }
        }
    }
}
