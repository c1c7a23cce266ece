//! How long frames take, printed. Run with
//! `cargo test --release --test clip_speed -- --ignored --nocapture --test-threads 1`.

mod common;

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

use eco::clip::Crops;
use eco::clip::decode::decode;
use eco::recipe::Preprocess;

/// Repetitions; the fastest counts, since other work on the machine only adds.
const REPETITIONS: usize = 200;

/// Files of `clip_reference.py formats` and the most that decode, resize and crop may take.
const FLOORS: [(&str, Duration); 2] = [
    ("420.jpg", Duration::from_millis(3)),
    ("hd.jpg", Duration::from_millis(14)),
];

fn fastest(path: &Path) -> [Duration; 2] {
    let mut times = [Duration::MAX; 2];
    for _ in 0..REPETITIONS {
        let started = Instant::now();
        let image = decode(path).unwrap();
        let decoded = started.elapsed();
        std::hint::black_box(Crops::One.cut(image.as_rgb(), Preprocess::Official));
        times[0] = times[0].min(decoded);
        times[1] = times[1].min(started.elapsed());
    }
    times
}

#[test]
#[ignore = "measures time, which needs a quiet machine"]
fn decode_resize_and_crop_stay_under_their_floors() {
    let folder = tempfile::tempdir().unwrap();
    common::script(
        "clip_reference.py",
        [OsStr::new("formats"), folder.path().as_os_str()],
    );
    for (name, floor) in FLOORS {
        let [decoded, all] = fastest(&folder.path().join(name));
        println!("{name}: decode {decoded:.2?}, with resize and crop {all:.2?} (floor {floor:?})");
        assert!(all < floor, "{name}: {all:?}");
    }
}
