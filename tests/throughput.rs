//! How much of the network's rate is left when clips are decoded beside it. Slow, and it needs a quiet machine:
//!
//! ```text
//! cargo test --release --test throughput -- --ignored --nocapture
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use eco::clip::{ClipEntry, LoadOptions, OpenOptions, Turns, load_ahead};
use eco::engine::{ClipBatch, Device, Engine, EngineChoice, Precision, network};
use eco::recipe::Preprocess;
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

const CLIPS: usize = 64;
const FRAMES: u32 = 280;
const SEGMENTS: usize = 16;
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
fn rates(engine: &dyn Engine, clips: &[PathBuf], threads: usize) -> (f64, f64) {
    let mut batch = ClipBatch::zeros(1, SEGMENTS);
    engine.run(&batch).unwrap();
    let started = Instant::now();
    for _ in clips {
        engine.run(&batch).unwrap();
    }
    let alone = clips.len() as f64 / started.elapsed().as_secs_f64();

    let entries: Vec<_> = clips
        .iter()
        .cloned()
        .map(|clip| Ok(ClipEntry::from(clip)))
        .collect();
    let started = Instant::now();
    let open = OpenOptions {
        threads: Some(threads),
        ..OpenOptions::default()
    };
    let turns = Turns::alternating();
    let options = LoadOptions {
        open,
        segments: SEGMENTS,
        turns: turns.clone(),
        ..LoadOptions::default()
    };
    for item in load_ahead(entries, options, threads) {
        let frames = &item.outcome.unwrap().views[0];
        frames
            .write_normalised(Preprocess::Official, batch.clip_mut(0))
            .unwrap();
        turns.network(|| engine.run(&batch)).unwrap();
    }
    (alone, clips.len() as f64 / started.elapsed().as_secs_f64())
}

#[test]
#[ignore = "takes minutes and needs a quiet machine"]
fn decoding_costs_the_network_little() {
    let folder = tempfile::tempdir().unwrap();
    let clips = clips(folder.path());
    let threads = std::thread::available_parallelism().unwrap().get();
    for (choice, floor) in [
        (EngineChoice::Libtorch, LIBTORCH_FLOOR),
        (EngineChoice::Winograd, WINOGRAD_FLOOR),
    ] {
        let net = network::from_demo(SEGMENTS, Device::Cpu).unwrap();
        let engine = choice
            .build(net, None, Device::Cpu, threads, None, Precision::default())
            .unwrap();
        let mut shares: Vec<f64> = (0..3)
            .map(|_| {
                let (alone, beside) = rates(engine.as_ref(), &clips, threads);
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
