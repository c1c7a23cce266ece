//! What is wrong with frames and directories in practice, and clips loaded ahead of their reader.

mod tools;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use eco::clip::decode::{decode, decode_bytes};
use eco::clip::{
    Clip, ClipEntry, ClipError, Crops, FrameDir, LoadOptions, OpenOptions, Position, Sliding, load,
    load_ahead,
};
use eco::recipe::{Preprocess, Sampling};
use image::{ImageFormat, RgbImage};

fn picture(width: u32, height: u32, shade: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([
            (x * 3 + shade) as u8,
            (y * 5 + x) as u8,
            (x * y + 7 * shade) as u8,
        ])
    })
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture(61, 47, 9).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A directory of `count` small frames, `img_1.png` and so on.
fn clip(folder: &Path, name: &str, count: u32) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir(&path).unwrap();
    for number in 1..=count {
        picture(32, 24, number)
            .save(path.join(format!("img_{number}.png")))
            .unwrap();
    }
    path
}

fn options() -> LoadOptions {
    LoadOptions {
        open: OpenOptions::default(),
        sampling: Sampling::Official,
        segments: 4,
        preprocess: Preprocess::Book,
        clips: 1,
        crops: Crops::One,
        ..LoadOptions::default()
    }
}

#[test]
fn only_the_sampled_frames_are_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "clip", 40);
    let listed = FrameDir::list(&path).unwrap();
    let indices = Sampling::Official.indices(40, 4);
    for (index, frame) in listed.frames.iter().enumerate() {
        if !indices.contains(&index) {
            fs::write(frame, "not an image").unwrap();
        }
    }
    let frames = load(&listed.frames, &indices, Preprocess::Official).unwrap();
    assert_eq!(frames.len(), 4);
    assert_eq!(
        frames.sources()[1].path.as_deref(),
        Some(path.join("img_16.png").as_path())
    );
}

#[test]
fn a_short_clip_repeats_the_frames_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let listed = FrameDir::list(&clip(folder.path(), "clip", 3)).unwrap();
    let indices = Sampling::Official.indices(3, 16);
    let frames = load(&listed.frames, &indices, Preprocess::Official).unwrap();
    let found: Vec<usize> = frames.sources().iter().map(|source| source.index).collect();
    assert_eq!(found, indices);
    let crops: Vec<&[u8]> = frames.iter().collect();
    assert!(crops[0] == crops[1] && crops[0] != crops[15]);
}

#[test]
fn a_frame_that_vanishes_after_listing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let listed = FrameDir::list(&clip(folder.path(), "clip", 3)).unwrap();
    fs::remove_file(&listed.frames[1]).unwrap();
    let error = load(&listed.frames, &[0, 1, 2], Preprocess::Official).unwrap_err();
    assert!(matches!(&error, ClipError::FrameVanished { path } if path == &listed.frames[1]));
    assert!(error.to_string().contains("img_2.png"));
}

#[test]
fn an_index_past_the_end_and_a_wrong_buffer_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let listed = FrameDir::list(&clip(folder.path(), "clip", 2)).unwrap();
    let error = load(&listed.frames, &[2], Preprocess::Official).unwrap_err();
    assert!(matches!(
        error,
        ClipError::IndexOutOfRange {
            index: 2,
            frames: 2
        }
    ));
    let frames = load(&listed.frames, &[0], Preprocess::Official).unwrap();
    let error = frames
        .write_normalised(Preprocess::Official, &mut [0.0; 5])
        .unwrap_err();
    assert!(matches!(error, ClipError::BufferLength { actual: 5, .. }));
}

#[test]
fn truncated_images_are_errors_wherever_they_end() {
    for format in [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::Bmp,
        ImageFormat::WebP,
    ] {
        let whole = encoded(format);
        assert!(
            decode_bytes(&whole, Path::new("whole")).is_ok(),
            "{format:?}"
        );
        // The end of a PNG is a marker without pixels; without it the image is all there.
        let tail = if format == ImageFormat::Png { 12 } else { 1 };
        for length in (0..whole.len() - tail).step_by(7) {
            let error = decode_bytes(&whole[..length], Path::new("part.img"));
            let error = error
                .err()
                .unwrap_or_else(|| panic!("{format:?}, {length} bytes"));
            assert!(error.to_string().contains("part.img"), "{error}");
        }
    }
}

#[test]
fn damaged_images_give_errors_or_pixels_but_never_a_panic() {
    // A fixed generator: a failure can be repeated.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for format in [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::Bmp,
        ImageFormat::WebP,
    ] {
        let whole = encoded(format);
        for _ in 0..400 {
            let mut bytes = whole.clone();
            for _ in 0..1 + random() % 8 {
                let at = random() % bytes.len();
                bytes[at] = random() as u8;
            }
            if let Ok(image) = decode_bytes(&bytes, Path::new("damaged")) {
                assert_eq!(image.pixels.len(), image.width * image.height * 3);
            }
        }
    }
}

/// A PNG header with a valid checksum and nothing behind it.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut crc = !0_u32;
    for &byte in &chunk {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    bytes.extend(chunk);
    bytes.extend((!crc).to_be_bytes());
    bytes.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    bytes
}

#[test]
fn an_image_that_claims_to_be_huge_is_refused_before_memory_is_taken() {
    let before = peak_memory();
    for (width, height) in [(60_000, 60_000), (u32::MAX / 2, 1), (70_000, 2)] {
        let error = decode_bytes(&png_header(width, height), Path::new("bomb.png")).unwrap_err();
        assert!(matches!(error, ClipError::TooLarge { .. }), "{error}");
        assert!(error.to_string().contains("bomb.png"));
    }
    let mut bmp = encoded(ImageFormat::Bmp);
    bmp[18..26].copy_from_slice(&[0x60, 0xEA, 0, 0, 0x60, 0xEA, 0, 0]);
    let error = decode_bytes(&bmp, Path::new("bomb.bmp")).unwrap_err();
    assert!(matches!(error, ClipError::TooLarge { .. }), "{error}");

    let mut jpeg = encoded(ImageFormat::Jpeg);
    let frame_header = jpeg
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    jpeg[frame_header + 5..frame_header + 9].copy_from_slice(&[0xEA, 0x60, 0xEA, 0x60]);
    let error = decode_bytes(&jpeg, Path::new("bomb.jpg")).unwrap_err();
    assert!(matches!(error, ClipError::TooLarge { .. }), "{error}");
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        assert!(after - before < 100 << 10, "{} KiB", after - before);
    }
}

/// High-water mark of this process in KiB, where the system tells it.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn what_is_no_image_says_what_it_is() {
    let reason = |bytes: &[u8]| {
        decode_bytes(bytes, Path::new("x.jpg"))
            .unwrap_err()
            .to_string()
    };
    assert!(reason(b"").contains("the file is empty"));
    assert!(reason(b"GIF89a........").contains("Gif"));
    assert!(reason(b"<!DOCTYPE html>").contains("does not start like"));
    let folder = tempfile::tempdir().unwrap();
    let error = decode(folder.path()).unwrap_err();
    assert!(error.to_string().contains("not a regular file"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_directory_or_a_frame_without_permission_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "clip", 1);
    let frame = path.join("img_1.png");
    let forbid =
        |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    forbid(&frame);
    if fs::File::open(&frame).is_ok() {
        // Root may read everything; what can be checked is that reading then works.
        tools::say_skipped("a frame without permission", "root may read everything");
        assert!(decode(&frame).is_ok());
        return;
    }
    assert!(matches!(
        decode(&frame).unwrap_err(),
        ClipError::PermissionDenied { .. }
    ));
    forbid(&path);
    assert!(matches!(
        FrameDir::list(&path).unwrap_err(),
        ClipError::PermissionDenied { .. }
    ));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
}

#[cfg(unix)]
#[test]
fn clips_and_frames_need_not_have_utf8_names() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder
        .path()
        .join(std::ffi::OsStr::from_bytes(b"caf\xe9 \"quoted\"\n"));
    fs::create_dir(&path).unwrap();
    for number in [10, 9] {
        let name = [b"\xff_".as_slice(), number.to_string().as_bytes(), b".png"].concat();
        let target = path.join(std::ffi::OsStr::from_bytes(&name));
        picture(20, 20, number)
            .save_with_format(target, ImageFormat::Png)
            .unwrap();
    }
    let source = Clip::open(&path, &OpenOptions::default()).unwrap();
    let frames = source
        .load(&vec![vec![0, 1]], Preprocess::Book, Crops::One)
        .unwrap();
    let first = frames[0].sources()[0].path.as_ref().unwrap();
    assert!(
        first
            .as_os_str()
            .as_encoded_bytes()
            .ends_with(b"\xff_9.png")
    );
}

#[test]
fn ten_thousand_frames_are_listed_quickly() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..10_000 {
        fs::write(folder.path().join(format!("frame{number}.jpg")), b"").unwrap();
    }
    let started = Instant::now();
    let listed = FrameDir::list(folder.path()).unwrap();
    let elapsed = started.elapsed();
    println!("10,000 frames listed in {elapsed:?}");
    assert_eq!(listed.frames.len(), 10_000);
    assert_eq!(listed.frames[9_999].file_name().unwrap(), "frame9999.jpg");
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
}

#[test]
fn single_images_and_missing_clips_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let image = clip(folder.path(), "clip", 1).join("img_1.png");
    let open = |path: &Path| Clip::open(path, &OpenOptions::default()).unwrap_err();
    assert!(matches!(open(&image), ClipError::SingleImage { .. }));
    let error = open(&folder.path().join("clip2"));
    assert!(error.to_string().contains("did you mean"), "{error}");
}

#[test]
fn a_directory_of_frames_has_windows_in_frames_or_by_a_given_rate() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "clip", 30);
    let ranges = |options: LoadOptions| -> Vec<_> {
        let items = load_ahead([Ok(ClipEntry::from(path.clone()))], options, 1);
        let loaded = items.map(|item| item.outcome.unwrap());
        loaded
            .map(|loaded| ((loaded.range.start, loaded.range.end), loaded.seconds))
            .collect()
    };
    let frames = Sliding {
        window: Position::Frames(20),
        stride: Position::Frames(10),
    };
    let found = ranges(LoadOptions {
        sliding: Some(frames),
        ..options()
    });
    assert_eq!(found, [((0, 20), None), ((10, 30), None)]);

    let seconds = Sliding {
        window: Position::Seconds(2.0),
        stride: Position::Seconds(1.0),
    };
    let mut with_rate = LoadOptions {
        sliding: Some(seconds),
        ..options()
    };
    with_rate.open.rate = Some(10.0);
    let found = ranges(with_rate);
    assert_eq!(
        found,
        [((0, 20), Some((0.0, 2.0))), ((10, 30), Some((1.0, 3.0)))]
    );

    let without = LoadOptions {
        sliding: Some(seconds),
        ..options()
    };
    let item = load_ahead([Ok(ClipEntry::from(path.clone()))], without, 1)
        .next()
        .unwrap();
    assert!(matches!(item.outcome, Err(ClipError::NoFrameRate { .. })));
}

#[test]
fn answers_come_in_the_order_of_the_input_and_errors_are_among_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut entries = Vec::new();
    for number in 0..12_u32 {
        let path = match number % 4 {
            3 => folder.path().join(format!("missing_{number}")),
            _ => clip(
                folder.path(),
                &format!("clip_{number}"),
                1 + (number * 37) % 50,
            ),
        };
        entries.push(Ok(ClipEntry::from(path)));
    }
    entries.push(Err(ClipError::List {
        line: 13,
        form: None,
        reason: "broken".to_owned(),
    }));
    let expected: Vec<PathBuf> = entries
        .iter()
        .filter_map(|entry| Some(entry.as_ref().ok()?.path.clone()))
        .collect();
    let items: Vec<_> = load_ahead(entries, options(), 3).collect();
    assert_eq!(items.len(), 13);
    for (number, (item, path)) in items.iter().zip(&expected).enumerate() {
        assert_eq!((item.clip, &item.entry.path), (number, path));
        assert_eq!(item.outcome.is_err(), number % 4 == 3);
    }
    assert!(matches!(
        items[12].outcome,
        Err(ClipError::List { line: 13, .. })
    ));
}

#[test]
fn clips_are_loaded_ahead_but_not_without_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "clip", 4);
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let entries = std::iter::repeat_with(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok(ClipEntry::from(path.clone()))
    });
    let mut pipeline = load_ahead(entries, options(), 2);
    thread::sleep(Duration::from_millis(300));
    let ahead = taken.load(Ordering::SeqCst);
    assert!(
        (2..=6).contains(&ahead),
        "{ahead} clips were taken before the first was asked for"
    );
    for _ in 0..20 {
        assert!(pipeline.next().unwrap().outcome.is_ok());
    }
    thread::sleep(Duration::from_millis(300));
    let ahead = taken.load(Ordering::SeqCst);
    assert!(
        (22..=26).contains(&ahead),
        "{ahead} clips were taken for 20 answers"
    );

    drop(pipeline);
    thread::sleep(Duration::from_millis(200));
    let stopped = taken.load(Ordering::SeqCst);
    thread::sleep(Duration::from_millis(200));
    assert_eq!(taken.load(Ordering::SeqCst), stopped);
}

#[test]
fn a_list_that_states_another_number_of_frames_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "clip", 4);
    let entry = ClipEntry {
        stated_frames: Some(9),
        ..path.into()
    };
    let item = load_ahead([Ok(entry)], options(), 1).next().unwrap();
    let note = item.outcome.unwrap().note.unwrap();
    assert!(note.contains("states 9 frames, 4 were found"), "{note}");
}

#[test]
fn views_are_temporal_offsets_times_crops() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "clip", 40);
    let options = LoadOptions {
        clips: 3,
        crops: Crops::Ten,
        ..options()
    };
    let item = load_ahead([Ok(ClipEntry::from(path))], options, 1)
        .next()
        .unwrap();
    let views = item.outcome.unwrap().views;
    assert_eq!(views.len(), 30);
    let first_frames: Vec<usize> = views.iter().map(|view| view.sources()[0].index).collect();
    assert_eq!(first_frames[..10], [1; 10]);
    assert_eq!((first_frames[10], first_frames[20]), (5, 8));
}
