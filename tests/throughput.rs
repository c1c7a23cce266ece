//! How much of the network's rate is left when clips are decoded beside it. Slow, and it needs a quiet machine:
//!
//! ```text
//! cargo test --release --test throughput -- --ignored --nocapture
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use eco::engine::{ClipBatch, Device, DeviceRequest, EngineChoice};
use eco::recognise::{Options, Recogniser, WeightsSource};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

const CLIPS: usize = 64;
const FRAMES: u32 = 280;
/// Decoding a clip is about 3% of what libtorch does on it, and 12% of what the faster engine does.
const LIBTORCH_FLOOR: f64 = 0.95;
const WINOGRAD_FLOOR: f64 = 0.88;

/// Clips of JPEG frames of 340 x 256 pixels with some texture; all are the same files.
fn clips(folder: &Path) -> Vec<PathBuf> {
    let first = folder.join("clip");
    fs::create_dir(&first).unwrap();
    for number in 1..=FRAMES {
        let pixel = |x: u32, y: u32| {
            let noise = (x * 7919 + y * 104_729 + number * 31).wrapping_mul(2_654_435_761) >> 28;
            let wave = ((x + number) as f32 / 17.0).sin() * ((y + 2 * number) as f32 / 23.0).cos();
            let grey = 128.0 + 90.0 * wave + noise as f32;
            Rgb([grey as u8, (grey * 0.8) as u8, (255.0 - grey) as u8])
        };
        let mut file = fs::File::create(first.join(format!("{number}.jpg"))).unwrap();
        let encoder = JpegEncoder::new_with_quality(&mut file, 90);
        RgbImage::from_fn(340, 256, pixel)
            .write_with_encoder(encoder)
            .unwrap();
    }
    vec![first; CLIPS]
}

/// Clips per second of the network alone, and with decoding beside it.
fn rates(recogniser: &Recogniser, clips: &[PathBuf]) -> (f64, f64) {
    let engine = recogniser.engine();
    let batch = ClipBatch::zeros(1, engine.segments());
    engine.run(&batch).unwrap();
    let started = Instant::now();
    for _ in clips {
        engine.run(&batch).unwrap();
    }
    let alone = clips.len() as f64 / started.elapsed().as_secs_f64();
    let started = Instant::now();
    let answers = recogniser.recognise(clips.to_vec());
    assert_eq!(answers.map(Result::unwrap).count(), clips.len());
    (alone, clips.len() as f64 / started.elapsed().as_secs_f64())
}

#[test]
#[ignore = "takes minutes and needs a quiet machine"]
fn decoding_costs_the_network_little() {
    let folder = tempfile::tempdir().unwrap();
    let clips = clips(folder.path());
    for (choice, floor) in [
        (EngineChoice::Libtorch, LIBTORCH_FLOOR),
        (EngineChoice::Winograd, WINOGRAD_FLOOR),
    ] {
        let recogniser = Recogniser::new(Options {
            device: DeviceRequest::Only(Device::Cpu),
            engine: choice,
            ..Options::new(WeightsSource::Demo)
        })
        .unwrap();
        let mut shares: Vec<f64> = (0..3)
            .map(|_| {
                let (alone, beside) = rates(&recogniser, &clips);
                let share = beside / alone;
                println!(
                    "{choice:?}: {alone:.2} clips/s alone, {beside:.2} with decoding: {share:.3}"
                );
                share
            })
            .collect();
        shares.sort_by(f64::total_cmp);
        assert!(
            shares[1] >= floor,
            "{choice:?}: {shares:?} is under {floor}"
        );
    }
}
