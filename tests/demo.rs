//! The embedded demo: its random trunk against NumPy's, and its answers on the example clips.

mod common;

use std::fs;
use std::path::Path;

use common::{root, script};
use eco::clip::{self, FrameDir};
use eco::engine::{ClipBatch, Device, Engine, Libtorch, Precision, network};
use eco::recipe::{Preprocess, Sampling};
use eco::weights::{demo, seeded};

const SEGMENTS: usize = 16;
/// How much the right class's logit must lead: the class is then at least five times as likely as any other.
const MARGIN: f32 = 1.61;

/// The network's input for one example clip.
fn example(folder: &Path) -> ClipBatch {
    let frames = FrameDir::list(folder).unwrap().frames;
    let indices = Sampling::Official.indices(frames.len(), SEGMENTS);
    let frames = clip::load(&frames, &indices, Preprocess::Official).unwrap();
    let mut batch = ClipBatch::zeros(1, SEGMENTS);
    frames
        .write_normalised(Preprocess::Official, batch.clip_mut(0))
        .unwrap();
    batch
}

#[test]
fn the_network_is_sure_of_every_example_clip() {
    let net = network::from_demo(SEGMENTS, Device::Cpu).unwrap();
    let engine = Libtorch::new(net, Device::Cpu, Precision::Fp32).unwrap();
    let labels = demo::metadata().unwrap().labels.unwrap();
    for (expected, label) in labels.iter().enumerate() {
        let folder = root().join("tests/clips").join(label.replace(' ', "_"));
        let output = engine.run(&example(&folder)).unwrap();
        let logits = output.logits_of(0);
        for (other, logit) in logits.iter().enumerate() {
            let lead = logits[expected] - logit;
            assert!(other == expected || lead > MARGIN, "{label}: {logits:?}");
        }
    }
}

#[test]
fn seeded_weights_are_numpys_bit_for_bit() {
    let seed = 20_180_424_u64;
    for (name, shape) in [
        ("eco_2d.basic_conv.conv1_7x7_s2.weight", vec![64, 3, 7, 7]),
        (
            "eco_2d.inception_b.inception_3b_1x1.weight",
            vec![64, 256, 1, 1],
        ),
        ("eco_3d.res_3d_5.res5b_2.weight", vec![512, 512, 3, 3, 3]),
    ] {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.f32"));
        let sides: Vec<String> = shape.iter().map(usize::to_string).collect();
        script(
            "seeded_weights.py",
            [
                &seed.to_string(),
                name,
                &sides.join("x"),
                "--raw",
                file.to_str().unwrap(),
            ],
        );
        let expected = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        // Not assert_eq: it would print megabytes.
        assert!(
            seeded::convolution(seed, name, &shape) == expected,
            "{name}"
        );
    }
}
