//! Which frames of a video come: every frame carries its number, whatever changes inside the video.

mod mp4;
mod tools;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use eco::clip::{
    Clip, Crops, Ffmpeg, Frames, LoadOptions, OpenOptions, Position, Sliding, load_clip,
};
use eco::recipe::{FRAME_SIZE, Preprocess, Sampling};

/// Width and height.
type Size = (usize, usize);

const SMALL: Size = (160, 120);
const LARGE: Size = (320, 240);

const H264: [&str; 6] = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "2"];

/// Eight blocks in the middle, black or white, spell the number, the lowest bit top left, on stripes. RGB.
fn numbered((width, height): Size, number: usize) -> Vec<u8> {
    let side = width.min(height);
    let (left, top) = (
        (width - side) / 2 + side / 5,
        (height - side) / 2 + side / 5,
    );
    let grey = |x: usize, y: usize| {
        let column = x.wrapping_sub(left) / (side * 3 / 20);
        let row = y.wrapping_sub(top) / (side * 3 / 10);
        match column < 4 && row < 2 {
            true if number >> (row * 4 + column) & 1 == 1 => 235,
            true => 20,
            false => 80 + (x * 7 + number * 3) % 60,
        }
    };
    let pixels = (0..width * height).map(|pixel| grey(pixel % width, pixel / width) as u8);
    pixels.flat_map(|grey| [grey; 3]).collect()
}

/// The number in a frame as the network sees it: the shorter side is 256, less 16 on every side.
fn number(crop: &[u8]) -> usize {
    let bit = |bit: usize| {
        let x = (51.2 + (bit % 4) as f64 * 38.4 + 19.2) as usize - 16;
        let y = (51.2 + (bit / 4) as f64 * 76.8 + 38.4) as usize - 16;
        usize::from(crop[(y * FRAME_SIZE + x) * 3] > 128) << bit
    };
    (0..8).map(bit).sum()
}

fn ffmpeg(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-v", "error", "-y"])
        .args(arguments);
    let status = command.current_dir(folder).status().unwrap();
    assert!(status.success(), "{arguments:?}");
}

/// Encodes frames `from` to `to` of this size, at 25 per second from the time they have in the whole.
fn part(folder: &Path, name: &str, size: Size, from: usize, to: usize, encoding: &[&str]) {
    let pixels: Vec<u8> = (from..to)
        .flat_map(|index| numbered(size, index % 256))
        .collect();
    fs::write(folder.join("pixels.rgb"), pixels).unwrap();
    let size = format!("{}x{}", size.0, size.1);
    let input = [
        "-f",
        "rawvideo",
        "-pixel_format",
        "rgb24",
        "-framerate",
        "25",
        "-video_size",
        &size,
        "-i",
        "pixels.rgb",
    ];
    let offset = (from as f64 / 25.0).to_string();
    let output = ["-output_ts_offset", &offset, name];
    ffmpeg(folder, &[&input[..], encoding, &output].concat());
}

/// Puts parts together without decoding them.
fn joined(folder: &Path, parts: &[&str], name: &str) {
    let list: String = parts
        .iter()
        .map(|part| format!("file '{part}'\n"))
        .collect();
    fs::write(folder.join("parts.txt"), list).unwrap();
    ffmpeg(
        folder,
        &["-f", "concat", "-i", "parts.txt", "-c", "copy", name],
    );
}

/// A folder with videos of 120 frames whose size or pixel format changes once or twice; `None` without ffmpeg.
fn changing() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<tempfile::TempDir>> = OnceLock::new();
    let made = FOLDER.get_or_init(|| {
        if let Err(error) = Ffmpeg::find(None) {
            tools::skip("a video whose frames carry numbers", error);
            return None;
        }
        let made = tempfile::tempdir().unwrap();
        let folder = made.path();
        part(folder, "a.ts", SMALL, 0, 5, &H264);
        part(folder, "b.ts", LARGE, 5, 120, &H264);
        let parts = ["a.ts", "b.ts"].map(|part| fs::read(folder.join(part)).unwrap());
        fs::write(folder.join("grows.ts"), parts.concat()).unwrap();

        let vp8 = ["-c:v", "libvpx", "-b:v", "900k"];
        part(folder, "a.webm", LARGE, 0, 50, &vp8);
        part(folder, "b.webm", SMALL, 50, 90, &vp8);
        part(folder, "c.webm", LARGE, 90, 120, &vp8);
        joined(folder, &["a.webm", "b.webm", "c.webm"], "shrinks.webm");

        let mjpeg = |format| ["-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", format];
        part(folder, "a.avi", LARGE, 0, 40, &mjpeg("yuvj420p"));
        part(folder, "b.avi", LARGE, 40, 120, &mjpeg("yuvj422p"));
        joined(folder, &["a.avi", "b.avi"], "samples.avi");
        Some(made)
    });
    made.as_ref().map(tempfile::TempDir::path)
}

/// The frames of every answer: the ones that are listed, and the ones that came.
fn frames(path: &Path, options: &LoadOptions) -> Vec<(Vec<usize>, Vec<usize>)> {
    let mut answers = Vec::new();
    load_clip(&path.to_path_buf().into(), options, &mut |loaded| {
        let view = &loaded.views[0];
        let listed = view.sources().iter().map(|source| source.index % 256);
        answers.push((listed.collect(), view.iter().map(number).collect()));
        ControlFlow::Continue(())
    })
    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    answers
}

fn load(path: PathBuf, index: usize) -> Frames {
    let clip = Clip::open(&path, &OpenOptions::default()).unwrap();
    let frames = clip.load(&vec![vec![index]], Preprocess::Official, Crops::One);
    frames.unwrap().remove(0)
}

#[test]
fn the_listed_frames_come_whatever_changes_inside_a_video() {
    let Some(folder) = changing() else { return };
    for name in ["grows.ts", "shrinks.webm", "samples.avi"] {
        let path = folder.join(name);
        let all = (0..120).collect::<Vec<_>>();
        let whole = LoadOptions {
            segments: 120,
            ..LoadOptions::default()
        };
        assert_eq!(frames(&path, &whole), [(all.clone(), all)], "{name}");

        let sixteen = Sampling::Official.indices(120, 16);
        let found = frames(&path, &LoadOptions::default());
        assert_eq!(found, [(sixteen.clone(), sixteen)], "{name}");

        let part = LoadOptions {
            from: Some(Position::Frames(2)),
            to: Some(Position::Frames(100)),
            sliding: Some(Sliding {
                window: Position::Frames(16),
                stride: Position::Frames(8),
            }),
            ..LoadOptions::default()
        };
        let found = frames(&path, &part);
        assert_eq!(found.len(), 12);
        for (number, (listed, came)) in found.into_iter().enumerate() {
            assert_eq!(listed, came, "window {number} of {name}");
        }
    }
}

#[test]
fn a_frame_of_another_size_is_resized_from_its_own() {
    let Some(folder) = changing() else { return };
    for (index, part, place) in [(1, "a.ts", 1), (5, "b.ts", 0), (77, "b.ts", 72)] {
        let found = load(folder.join("grows.ts"), index);
        let alone = load(folder.join(part), place);
        assert!(found.pixels() == alone.pixels(), "frame {index}");
        let size = |frames: &Frames| (frames.sources()[0].width, frames.sources()[0].height);
        assert_eq!(size(&found), size(&alone));
    }
}

#[test]
fn a_turned_video_whose_size_changes_is_turned_throughout() {
    let Some(folder) = changing() else { return };
    for degrees in [90, 180, 270] {
        let turned = |name: &str| {
            let turned = format!("{name}.{degrees}.mp4");
            ffmpeg(folder, &["-i", name, "-c", "copy", &turned]);
            mp4::turn(&folder.join(&turned), degrees);
            folder.join(turned)
        };
        let (changes, alone) = (turned("grows.ts"), turned("b.ts"));
        assert!(load(changes.clone(), 4).pixels() != load(alone.clone(), 0).pixels());
        for index in [5, 100] {
            let (found, alone) = (load(changes.clone(), index), load(alone.clone(), index - 5));
            let width = alone.sources()[0].width;
            assert_eq!(width, if degrees == 180 { LARGE.0 } else { LARGE.1 });
            assert_eq!(found.sources()[0].width, width);
            assert!(found.pixels() == alone.pixels(), "{degrees}, {index}");
        }
    }
}

#[test]
fn a_part_far_into_a_video_is_sought_and_its_frames_are_the_listed_ones() {
    let Some(folder) = changing() else { return };
    let folder = tempfile::tempdir_in(folder).unwrap();
    let folder = folder.path();
    let sparse = [&H264[..], &["-g", "50"]].concat();
    part(folder, "a.ts", SMALL, 0, 900, &sparse);
    part(folder, "b.ts", LARGE, 900, 1000, &sparse);
    let parts = ["a.ts", "b.ts"].map(|part| fs::read(folder.join(part)).unwrap());
    fs::write(folder.join("long.ts"), parts.concat()).unwrap();
    ffmpeg(folder, &["-i", "long.ts", "-c", "copy", "long.mkv"]);

    let from = Some(Position::Seconds(12.8));
    // More frames than are picked one by one.
    let many = LoadOptions {
        segments: 560,
        from,
        ..LoadOptions::default()
    };
    let windows = LoadOptions {
        from,
        sliding: Some(Sliding {
            window: Position::Frames(48),
            stride: Position::Frames(40),
        }),
        ..LoadOptions::default()
    };
    let cases = [
        ("a.ts", &many),
        ("a.ts", &windows),
        ("long.ts", &windows),
        ("long.mkv", &windows),
    ];
    for (name, options) in cases {
        let found = frames(&folder.join(name), options);
        assert_eq!(found[0].0[0] / 32, 320 % 256 / 32, "{name}");
        for (listed, came) in found {
            assert!(listed == came, "{name}: {listed:?} {came:?}");
        }
    }
}

#[cfg(unix)]
#[test]
fn windows_that_begin_far_into_a_video_are_not_decoded_from_its_start() {
    use std::os::unix::fs::PermissionsExt;
    let Some(folder) = changing() else { return };
    let folder = tempfile::tempdir_in(folder).unwrap();
    let folder = folder.path();
    part(folder, "long.mp4", SMALL, 0, 500, &H264);
    // In place of ffmpeg, a program that notes how it is called.
    let calls = folder.join("calls");
    let wrapper = folder.join("ffmpeg");
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> '{}'\nexec ffmpeg \"$@\"\n",
        calls.display()
    );
    fs::write(&wrapper, script).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let mut options = LoadOptions {
        from: Some(Position::Seconds(16.0)),
        sliding: Some(Sliding {
            window: Position::Frames(50),
            stride: Position::Frames(25),
        }),
        ..LoadOptions::default()
    };
    options.open.ffmpeg = Some(wrapper);
    assert_eq!(frames(&folder.join("long.mp4"), &options).len(), 3);
    let calls = fs::read_to_string(calls).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    assert!(
        calls.len() == 1 && calls[0].contains(" -ss 15.0"),
        "{calls:?}"
    );
}

#[test]
fn grey_video_of_more_than_8_bits_is_scaled_to_8() {
    let Some(folder) = changing() else { return };
    let folder = tempfile::tempdir_in(folder).unwrap();
    let folder = folder.path();
    let make = |name: &str, encoding: &[&str]| {
        part(folder, name, LARGE, 0, 4, encoding);
        load(folder.join(name), 2)
    };
    let reference = make("8.mkv", &["-c:v", "ffv1", "-pix_fmt", "gray"]);
    let kinds = [
        ("9.mkv", "ffv1", "gray9le"),
        ("10.mkv", "ffv1", "gray10le"),
        ("12.mkv", "ffv1", "gray12le"),
        ("16.mkv", "ffv1", "gray16le"),
        ("16.mov", "png", "gray16be"),
    ];
    for (name, codec, format) in kinds {
        let found = make(name, &["-c:v", codec, "-strict", "-2", "-pix_fmt", format]);
        let pairs = found.pixels().iter().zip(reference.pixels());
        let most = pairs.map(|(a, b)| a.abs_diff(*b)).max();
        assert!(most <= Some(1), "{name}: {most:?}");
    }
}

/// The frames that `from` and `to` select.
fn selected(path: &Path, from: f64, to: f64) -> (std::ops::Range<usize>, Option<(f64, f64)>) {
    let options = LoadOptions {
        segments: 4,
        from: Some(Position::Seconds(from)),
        to: Some(Position::Seconds(to)),
        ..LoadOptions::default()
    };
    let mut found = None;
    load_clip(&path.to_path_buf().into(), &options, &mut |loaded| {
        found = Some((loaded.range, loaded.seconds));
        ControlFlow::Continue(())
    })
    .unwrap();
    found.unwrap()
}

#[test]
fn seconds_count_as_players_count_them() {
    let Some(folder) = changing() else { return };
    let folder = tempfile::tempdir_in(folder).unwrap();
    let folder = folder.path();
    let mpeg4 = ["-c:v", "mpeg4", "-q:v", "5"];
    part(folder, "25.mkv", SMALL, 0, 200, &mpeg4);
    // The sound begins five seconds before the picture.
    let sound = ["-f", "lavfi", "-i", "sine=duration=14"];
    let picture = ["-itsoffset", "5", "-i", "25.mkv", "-c:v", "copy"];
    ffmpeg(folder, &[&sound[..], &picture, &["late.mkv"]].concat());
    assert_eq!(selected(&folder.join("late.mkv"), 7.0, 8.0).0, 50..75);
    // A stream that was recorded from its middle on.
    let copy = ["-i", "25.mkv", "-c", "copy"];
    let shifted = ["-output_ts_offset", "101.6", "shifted.mkv"];
    ffmpeg(folder, &[&copy[..], &shifted].concat());
    let found = selected(&folder.join("shifted.mkv"), 7.0, 7.8);
    assert_eq!(found, (175..195, Some((7.0, 7.8))));
    // Nothing new for three seconds.
    let gap = [
        "-i",
        "25.mkv",
        "-vf",
        "select='lt(t,2)+gt(t,5)'",
        "-fps_mode",
        "vfr",
    ];
    ffmpeg(folder, &[&gap[..], &mpeg4, &["gap.mkv"]].concat());
    assert_eq!(selected(&folder.join("gap.mkv"), 3.0, 4.0).0, 49..50);
}
