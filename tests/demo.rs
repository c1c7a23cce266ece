//! The embedded demo: its random trunk against NumPy's, and its answers on the example clips.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{root, script};
use eco::engine::EngineChoice;
use eco::recognise::{Options, Outcome, Recogniser, WeightsSource};
use eco::weights::{demo, seeded};

/// How much the right class's logit must lead: the class is then at least five times as likely as any other.
const MARGIN: f32 = 1.61;

#[test]
fn the_network_is_sure_of_every_example_clip() {
    let recogniser = Recogniser::new(Options {
        engine: EngineChoice::Libtorch,
        ..Options::new(WeightsSource::Demo)
    })
    .unwrap();
    let labels = demo::metadata().unwrap().labels.unwrap();
    let folder = |label: &String| root().join("tests/clips").join(label.replace(' ', "_"));
    let clips: Vec<PathBuf> = labels.iter().map(folder).collect();
    for (expected, answer) in recogniser.recognise(clips).enumerate() {
        let Outcome::Scored { scores, .. } = answer.unwrap().outcome else {
            panic!("{}", labels[expected]);
        };
        let logits = scores.logits();
        for (other, logit) in logits.iter().enumerate() {
            let lead = logits[expected] - logit;
            let label = &labels[expected];
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
