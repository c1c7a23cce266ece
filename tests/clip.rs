//! Sampling and pixels against the formulas in Python with Pillow (`scripts/clip_reference.py`).

mod common;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::slice::from_ref;

use eco::clip::decode::decode;
use eco::clip::rgb::Image;
use eco::clip::{Crops, Frames, augment, load, load_views};
use eco::recipe::{Augmentation, Preprocess, Sampling};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What two JPEG decoders may differ by, in grey levels on average: both round, at different places.
const JPEG_MEAN_DIFFERENCE: f64 = 0.3;

/// One line of what the reference made.
#[derive(Deserialize)]
struct Case {
    file: String,
    width: usize,
    height: usize,
    lossless: bool,
    decoded: String,
    expected: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    preprocess: String,
    crops: usize,
    file: String,
}

#[derive(Deserialize)]
struct Indices {
    segments: usize,
    frames: usize,
    official: Vec<usize>,
    caffe: Vec<usize>,
    official_views: Vec<Vec<usize>>,
    caffe_views: Vec<Vec<usize>>,
}

fn cases(folder: &Path, command: &str, more: &[&str]) -> Vec<Case> {
    let args = [OsStr::new(command), folder.as_os_str()]
        .into_iter()
        .chain(more.iter().map(OsStr::new));
    let lines = common::script("clip_reference.py", args);
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn preprocess(name: &str) -> Preprocess {
    name.parse().unwrap()
}

fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let total: u64 = a
        .iter()
        .zip(b)
        .map(|(&x, &y)| u64::from(x.abs_diff(y)))
        .sum();
    total as f64 / a.len() as f64
}

/// The decoded pixels as the reference has them.
fn reference_image(folder: &Path, case: &Case) -> Image {
    let pixels = fs::read(folder.join(&case.decoded)).unwrap();
    Image::new(pixels, case.width, case.height)
}

#[test]
fn sampled_indices_equal_the_formulas_in_python() {
    let lines = common::script("clip_reference.py", ["sample"]);
    let mut lengths = 0;
    for line in lines.lines() {
        let expected: Indices = serde_json::from_str(line).unwrap();
        let (frames, segments) = (expected.frames, expected.segments);
        let context = format!("{frames} frames, {segments} segments");
        assert_eq!(
            Sampling::Official.indices(frames, segments),
            expected.official,
            "{context}"
        );
        assert_eq!(
            Sampling::Caffe.indices(frames, segments),
            expected.caffe,
            "{context}"
        );
        let views = |sampling: Sampling| sampling.views(frames, segments, 3);
        assert_eq!(
            views(Sampling::Official),
            expected.official_views,
            "{context}"
        );
        assert_eq!(views(Sampling::Caffe), expected.caffe_views, "{context}");
        lengths += 1;
    }
    assert!(lengths > 4000);
}

#[test]
fn png_crops_equal_the_reference_bit_for_bit_for_every_size_and_preprocessing() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases(folder.path(), "sizes", &["210", "20"]);
    assert_eq!(cases.len(), 210);
    for case in &cases {
        let path = folder.path().join(&case.file);
        for expected in case.expected.iter().filter(|expected| expected.crops == 1) {
            let pixels = fs::read(folder.path().join(&expected.file)).unwrap();
            let found = load(from_ref(&path), &[0], preprocess(&expected.preprocess)).unwrap();
            assert!(
                found.pixels() == pixels,
                "{} {}",
                case.file,
                expected.preprocess
            );
        }
    }
}

#[test]
fn three_and_ten_crops_equal_the_ones_cut_with_pillow() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases(folder.path(), "sizes", &["61", "7"]);
    let mut compared = 0;
    for case in &cases {
        let path = folder.path().join(&case.file);
        for expected in &case.expected {
            let crops = expected.crops.to_string().parse().unwrap();
            let pixels = fs::read(folder.path().join(&expected.file)).unwrap();
            let choice = preprocess(&expected.preprocess);
            let found = load_views(from_ref(&path), &[vec![0]], choice, crops).unwrap();
            let found: Vec<u8> = found.iter().flat_map(Frames::pixels).copied().collect();
            assert!(found == pixels, "{} {choice} {crops} crops", case.file);
            compared += usize::from(crops != Crops::One);
        }
    }
    assert!(compared >= 7 * 6);
}

#[test]
fn every_format_decodes_as_pillow_converts_it_to_rgb() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases(folder.path(), "formats", &[]);
    assert!(cases.len() > 35);
    for case in &cases {
        let found = decode(&folder.path().join(&case.file)).unwrap();
        let expected = reference_image(folder.path(), case);
        assert_eq!(
            (found.width, found.height),
            (case.width, case.height),
            "{}",
            case.file
        );
        let difference = mean_difference(&found.pixels, &expected.pixels);
        println!("{:28} mean difference {difference:.4}", case.file);
        let limit = if case.file.ends_with(".jpg") && !case.lossless {
            JPEG_MEAN_DIFFERENCE
        } else {
            0.0
        };
        assert!(difference <= limit, "{}: {difference}", case.file);
    }
}

#[test]
fn the_network_input_equals_numpys() {
    let folder = tempfile::tempdir().unwrap();
    let case = &cases(folder.path(), "sizes", &["19", "3"])[18];
    let path = folder.path().join(&case.file);
    let target: PathBuf = folder.path().join("input");
    for choice in Preprocess::ALL {
        let name = choice.name();
        let args = [
            OsStr::new("normalised"),
            path.as_os_str(),
            OsStr::new(name),
            target.as_os_str(),
        ];
        common::script("clip_reference.py", args);
        let bytes = fs::read(&target).unwrap();
        let expected: Vec<f32> = bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        let frames = load(from_ref(&path), &[0], *choice).unwrap();
        let mut found = vec![0.0; frames.normalised_len()];
        frames.write_normalised(*choice, &mut found).unwrap();
        assert!(found == expected, "{name}");
    }
}

/// An image, and what training makes of it.
#[derive(Deserialize)]
struct Augmented {
    file: String,
    sha256: Vec<String>,
}

#[test]
fn every_variation_of_training_is_pillows() {
    let folder = tempfile::tempdir().unwrap();
    let args = [OsStr::new("augmented"), folder.path().as_os_str()];
    let lines = common::script("clip_reference.py", args);
    for line in lines.lines() {
        let Augmented { file, sha256 } = serde_json::from_str(line).unwrap();
        let image = decode(&folder.path().join(&file)).unwrap();
        let found: Vec<String> = Augmentation::all()
            .map(|augmentation| augment(image.as_rgb(), augmentation))
            .map(|pixels| {
                Sha256::digest(pixels)
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect()
            })
            .collect();
        assert_eq!(found.len(), 260);
        let differing = found.iter().zip(&sha256).filter(|(a, b)| a != b).count();
        assert_eq!((differing, sha256.len()), (0, 260), "{file}");
    }
}
