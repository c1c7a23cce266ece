//! The embedded demo: its random trunk against NumPy's, and its answers on the example clips.

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use common::{root, script};
use eco::clip::{self, FrameDir, Preprocess, Sampling};
use eco::engine::{ClipBatch, Device, Engine, Libtorch};
use eco::model::{EcoLite, Result, Shapes, Source, state_dict};
use eco::weights::tensor::{RawTensor, TensorSpec};
use eco::weights::{demo, seeded};
use tch::{Kind, Tensor};

const CLASSES: [&str; 7] = [
    "moving_left",
    "moving_right",
    "moving_up",
    "moving_down",
    "growing",
    "shrinking",
    "turning",
];
const SEGMENTS: usize = 16;
/// How much the right class's logit must lead: twice as likely as any other.
const MARGIN: f32 = std::f32::consts::LN_2;

/// The demo's state_dict as a source of tensors.
struct Demo(HashMap<String, RawTensor<'static>>);

impl Demo {
    fn new() -> Self {
        let net = EcoLite::new(CLASSES.len() as i64, SEGMENTS as i64, &mut Shapes).unwrap();
        let specs: Vec<TensorSpec> = state_dict(&net)
            .iter()
            .map(|entry| TensorSpec {
                name: entry.name.clone(),
                shape: entry
                    .tensor
                    .size()
                    .iter()
                    .map(|&extent| extent as usize)
                    .collect(),
            })
            .collect();
        Self(demo::state_dict(&specs).unwrap().into_iter().collect())
    }
}

impl Source for Demo {
    fn tensor(&mut self, name: &str, shape: &[i64], kind: Kind) -> Result<Tensor> {
        Ok(Tensor::f_from_data_size(&self.0[name].data, shape, kind)?)
    }
}

/// The network's input for one example clip.
fn example(class: &str) -> ClipBatch {
    let frames = FrameDir::list(&root().join("tests/clips").join(class)).unwrap();
    let indices = Sampling::Official.indices(frames.paths.len(), SEGMENTS);
    let frames = clip::load(&frames.paths, &indices, Preprocess::Official).unwrap();
    let mut batch = ClipBatch::zeros(1, SEGMENTS);
    frames
        .write_normalised(Preprocess::Official, batch.clip_mut(0))
        .unwrap();
    batch
}

#[test]
fn the_network_is_sure_of_every_example_clip() {
    let net = EcoLite::new(CLASSES.len() as i64, SEGMENTS as i64, &mut Demo::new()).unwrap();
    let engine = Libtorch::new(net, Device::Cpu);
    for (expected, class) in CLASSES.iter().enumerate() {
        let output = engine.run(&example(class)).unwrap();
        let logits = output.logits_of(0);
        for (other, logit) in logits.iter().enumerate() {
            let lead = logits[expected] - logit;
            assert!(other == expected || lead > MARGIN, "{class}: {logits:?}");
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
        let shape_text = shape
            .iter()
            .map(usize::to_string)
            .collect::<Vec<_>>()
            .join("x");
        let file_text = file.to_str().unwrap();
        script(
            "seeded_weights.py",
            [&seed.to_string(), name, &shape_text, "--raw", file_text],
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
