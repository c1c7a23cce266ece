//! Videos against ffmpeg's own extraction to PNG files, and what can be wrong with a video.

mod mp4;
mod tools;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use eco::clip::{
    Clip, ClipError, Crops, Ffmpeg, FrameDir, LoadOptions, OpenOptions, Position, Sliding, Video,
    load, load_clip,
};
use eco::recipe::{Preprocess, Sampling};

/// A moving picture with sharp edges, colour and a frame counter.
const PICTURE: &str = "testsrc2=size=340x256:rate=25";

/// Whether the tests that need ffmpeg can run.
fn ffmpeg_is_here() -> bool {
    let found = Ffmpeg::find(None);
    if let Err(error) = &found {
        tools::skip("a video", error);
    }
    found.is_ok()
}

fn ffmpeg(folder: &Path, arguments: &[&str]) -> bool {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    if !output.status.success() {
        println!(
            "ffmpeg {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    output.status.success()
}

/// Makes a video of the test picture; `false` when this ffmpeg has not got the encoder.
fn make(folder: &Path, name: &str, seconds: &str, encoding: &[&str]) -> bool {
    let input = format!("{PICTURE}:duration={seconds}");
    let arguments: Vec<&str> = [&["-f", "lavfi", "-i", &input], encoding, &[name]]
        .concat()
        .into_iter()
        .collect();
    ffmpeg(folder, &arguments)
}

fn open(path: &Path) -> Clip {
    Clip::open(path, &OpenOptions::default()).unwrap()
}

/// ffmpeg's own extraction of all frames.
fn extract(folder: &Path, name: &str) -> Vec<PathBuf> {
    let pngs = folder.join(format!("{name}.png"));
    fs::create_dir(&pngs).unwrap();
    let pattern = format!("{name}.png/%d.png");
    assert!(ffmpeg(
        folder,
        &["-i", name, "-fps_mode", "passthrough", &pattern]
    ));
    FrameDir::list(&pngs).unwrap().frames
}

fn assert_equals_extraction(folder: &Path, name: &str) {
    let pngs = extract(folder, name);
    let source = open(&folder.join(name));
    assert_eq!(source.frame_count(), pngs.len(), "{name}");
    let indices = Sampling::Official.indices(pngs.len(), 16);
    for preprocess in [Preprocess::Official, Preprocess::Caffe] {
        let expected = load(&pngs, &indices, preprocess).unwrap();
        let found = &source
            .load(&vec![indices.clone()], preprocess, Crops::One)
            .unwrap()[0];
        assert_eq!(found.len(), 16, "{name}");
        for (position, (found, expected)) in found.iter().zip(expected.iter()).enumerate() {
            assert!(
                found == expected,
                "{name}, segment {position}, {preprocess}"
            );
        }
        let size = |source: &eco::clip::SourceFrame| (source.index, source.width, source.height);
        assert_eq!(
            size(&found.sources()[5]),
            size(&expected.sources()[5]),
            "{name}"
        );
    }
}

#[test]
fn frames_of_a_video_equal_ffmpegs_png_extraction_for_every_kind() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let irregular = "setpts='N/25/TB+0.013*mod(N\\,7)/TB+if(gt(N\\,15)\\,2/TB\\,0)'";
    let kinds: [(&str, &[&str]); 11] = [
        (
            "h264.mp4",
            &["-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "3"],
        ),
        (
            "vp9.webm",
            &[
                "-c:v",
                "libvpx-vp9",
                "-b:v",
                "500k",
                "-deadline",
                "realtime",
            ],
        ),
        ("mpeg4.avi", &["-c:v", "mpeg4", "-q:v", "3", "-bf", "2"]),
        (
            "mjpeg.mov",
            &["-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj422p"],
        ),
        ("h264.ts", &["-c:v", "libx264", "-pix_fmt", "yuv420p"]),
        ("ten_bit.mkv", &["-c:v", "ffv1", "-pix_fmt", "yuv422p10le"]),
        ("grey.mkv", &["-c:v", "ffv1", "-pix_fmt", "gray"]),
        ("rgb.mkv", &["-c:v", "ffv1", "-pix_fmt", "bgr0"]),
        ("animation.gif", &[]),
        // A frame is shown for 0.6 s.
        (
            "slow.mkv",
            &["-vf", "setpts=15*PTS", "-fps_mode", "passthrough"],
        ),
        (
            "variable.mkv",
            &["-vf", irregular, "-fps_mode", "vfr", "-c:v", "libx264"],
        ),
    ];
    for (name, encoding) in kinds {
        assert!(make(folder, name, "1.2", encoding), "{name}");
        assert_equals_extraction(folder, name);
    }
}

#[test]
fn rotation_metadata_and_odd_sizes_are_respected() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert!(make(
        folder,
        "flat.mp4",
        "2",
        &["-c:v", "libx264", "-pix_fmt", "yuv420p"]
    ));
    fs::copy(folder.join("flat.mp4"), folder.join("turned.mp4")).unwrap();
    mp4::turn(&folder.join("turned.mp4"), 90);
    assert_equals_extraction(folder, "turned.mp4");
    let turned = open(&folder.join("turned.mp4"));
    let frames = turned
        .load(&vec![vec![0]], Preprocess::Official, Crops::One)
        .unwrap();
    let first = &frames[0].sources()[0];
    assert_eq!((first.width, first.height), (256, 340));

    let odd = ["-vf", "scale=97:211", "-c:v", "ffv1"];
    assert!(make(folder, "odd.mkv", "1", &odd));
    assert_equals_extraction(folder, "odd.mkv");
}

#[test]
fn a_cut_without_re_encoding_shows_only_the_frames_that_players_show() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert!(make(
        folder,
        "whole.mp4",
        "4",
        &["-c:v", "libx264", "-pix_fmt", "yuv420p"]
    ));
    // The cut begins between two key frames: the file holds frames that an edit list hides.
    assert!(ffmpeg(
        folder,
        &["-ss", "1.3", "-i", "whole.mp4", "-c", "copy", "cut.mp4"]
    ));
    assert_equals_extraction(folder, "cut.mp4");
}

#[test]
fn seeking_far_into_a_video_finds_the_same_frames() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let small = [
        "-vf",
        "scale=96:64",
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
        "-g",
        "100",
    ];
    for name in ["long.mp4", "long.mkv", "long.avi", "long.ts"] {
        assert!(make(folder, name, "20", &small));
        let pngs = extract(folder, name);
        let source = open(&folder.join(name));
        assert_eq!(source.frame_count(), pngs.len(), "{name}");
        for indices in [vec![300, 301, 302, 400, 499], vec![377], vec![499]] {
            let expected = load(&pngs, &indices, Preprocess::Official).unwrap();
            let found = source
                .load(&vec![indices], Preprocess::Official, Crops::One)
                .unwrap();
            assert!(found[0].pixels() == expected.pixels(), "{name}");
        }
    }
}

fn options() -> LoadOptions {
    LoadOptions {
        open: OpenOptions::default(),
        sampling: Sampling::Official,
        segments: 8,
        preprocess: Preprocess::Official,
        clips: 1,
        crops: Crops::One,
        ..LoadOptions::default()
    }
}

#[test]
fn windows_over_a_video_are_read_in_one_pass_and_equal_single_reads() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let small = [
        "-vf",
        "scale=96:64",
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
    ];
    assert!(make(folder.path(), "clip.mp4", "40", &small));
    for (segments, stride) in [(8, 5.0), (16, 0.2)] {
        let mut options = LoadOptions {
            segments,
            ..options()
        };
        options.sliding = Some(Sliding {
            window: Position::Seconds(6.0),
            stride: Position::Seconds(stride),
        });
        let source = open(&path);
        let mut answers = 0;
        load_clip(&path.clone().into(), &options, &mut |loaded| {
            answers += 1;
            if answers % 7 == 1 {
                let (start, end) = loaded.seconds.unwrap();
                assert!((end - start - 6.0).abs() < 1e-6, "{start} {end}");
                let indices = Sampling::Official.indices(loaded.range.len(), segments);
                let indices = indices
                    .iter()
                    .map(|index| index + loaded.range.start)
                    .collect();
                let alone = source
                    .load(&vec![indices], options.preprocess, Crops::One)
                    .unwrap();
                assert!(loaded.views == alone, "{:?}", loaded.range);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        let expected = ((40.0_f64 - 6.0) / stride).floor() as usize + 1;
        assert!(answers == expected || answers == expected + 1, "{answers}");
    }
}

#[test]
fn from_and_to_select_a_part_by_frames_or_seconds() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    assert!(make(
        folder.path(),
        "clip.mp4",
        "3",
        &["-c:v", "libx264", "-pix_fmt", "yuv420p"]
    ));
    let part = |from, to| {
        let options = LoadOptions {
            from,
            to,
            ..options()
        };
        let mut found = None;
        load_clip(&path.clone().into(), &options, &mut |loaded| {
            found = Some(loaded);
            ControlFlow::Continue(())
        })
        .unwrap();
        found.unwrap()
    };
    let frames = part(Some(Position::Frames(25)), Some(Position::Frames(50)));
    let seconds = part(Some(Position::Seconds(1.0)), Some(Position::Seconds(2.0)));
    assert_eq!(
        (frames.range.clone(), frames.seconds),
        (25..50, Some((1.0, 2.0)))
    );
    assert_eq!(frames.range, seconds.range);
    assert!(frames.views == seconds.views);
}

#[test]
fn files_without_a_readable_video_say_what_is_wrong() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let error = |name: &str| {
        let error = Clip::open(&folder.join(name), &OpenOptions::default()).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        error
    };
    fs::write(folder.join("noise.mp4"), [7; 5000]).unwrap();
    let noise = error("noise.mp4").to_string();
    assert!(
        noise.contains("does not begin as an MP4") && !noise.contains("incomplete"),
        "{noise}"
    );
    fs::write(folder.join("empty.mp4"), []).unwrap();
    assert!(error("empty.mp4").to_string().contains("the file is empty"));
    fs::write(
        folder.join("notes.txt"),
        "plain words, line after line\n".repeat(300),
    )
    .unwrap();
    assert!(error("notes.txt").to_string().contains("text file"));

    assert!(ffmpeg(
        folder,
        &["-f", "lavfi", "-i", "sine=d=1", "sound.wav"]
    ));
    assert!(matches!(
        error("sound.wav"),
        ClipError::NoVideoStream { .. }
    ));

    assert!(make(
        folder,
        "whole.mp4",
        "2",
        &["-c:v", "libx264", "-pix_fmt", "yuv420p"]
    ));
    let bytes = fs::read(folder.join("whole.mp4")).unwrap();
    fs::write(folder.join("half.mp4"), &bytes[..bytes.len() / 2]).unwrap();
    let half = error("half.mp4").to_string();
    assert!(
        half.contains("moov atom not found") && half.contains("the file is incomplete"),
        "{half}"
    );

    let no_frames = [
        "-f",
        "lavfi",
        "-i",
        PICTURE,
        "-frames:v",
        "0",
        "-c:v",
        "ffv1",
        "none.mkv",
    ];
    assert!(ffmpeg(folder, &no_frames));
    assert!(matches!(error("none.mkv"), ClipError::NoVideoFrames { .. }));
}

#[test]
fn a_video_cut_off_in_the_middle_is_read_up_to_there() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert!(make(
        folder,
        "whole.ts",
        "4",
        &["-c:v", "libx264", "-pix_fmt", "yuv420p"]
    ));
    let bytes = fs::read(folder.join("whole.ts")).unwrap();
    fs::write(folder.join("cut.ts"), &bytes[..bytes.len() * 2 / 3]).unwrap();
    let path = folder.join("cut.ts");
    let mut found = None;
    load_clip(&path.into(), &options(), &mut |loaded| {
        found = Some(loaded);
        ControlFlow::Continue(())
    })
    .unwrap();
    let loaded = found.unwrap();
    assert!((30..90).contains(&loaded.range.len()), "{:?}", loaded.range);
    assert_eq!(loaded.views[0].len(), 8);
}

#[test]
fn a_video_whose_container_tells_that_its_end_is_missing_is_noted() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = [
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
        "-movflags",
        "faststart",
    ];
    for (name, options) in [
        ("whole.mp4", &first[..]),
        ("whole.mkv", &first[..4]),
        ("whole.avi", &["-c:v", "mpeg4"]),
    ] {
        assert!(make(folder, name, "4", options));
        let bytes = fs::read(folder.join(name)).unwrap();
        let cut = folder.join(format!("cut-{name}"));
        fs::write(&cut, &bytes[..bytes.len() * 2 / 3]).unwrap();
        let note = |path: &Path| Clip::open(path, &OpenOptions::default()).unwrap().note();
        assert_eq!(note(&folder.join(name)), None);
        let note = note(&cut).unwrap_or_default();
        assert!(note.contains("the file is incomplete"), "{name}: {note}");
    }
}

#[test]
fn names_that_look_like_options_or_addresses_are_files() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(make(
        folder.path(),
        "clip.mp4",
        "1",
        &["-c:v", "libx264", "-pix_fmt", "yuv420p"]
    ));
    for name in [
        "-y.mp4",
        "concat:a.mp4",
        "with space 'and quotes\".mp4",
        "%d.mp4",
    ] {
        let path = folder.path().join(name);
        fs::copy(folder.path().join("clip.mp4"), &path).unwrap();
        assert_eq!(open(&path).frame_count(), 25, "{name}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let path = folder
            .path()
            .join(std::ffi::OsStr::from_bytes(b"caf\xe9.mp4"));
        fs::copy(folder.path().join("clip.mp4"), &path).unwrap();
        assert_eq!(open(&path).frame_count(), 25);
    }
}

#[test]
fn a_missing_ffmpeg_is_answered_with_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let error = Ffmpeg::find(Some(folder.path())).unwrap_err();
    assert!(matches!(error, ClipError::FfmpegMissing { .. }));
    assert!(error.to_string().contains("apt install ffmpeg"), "{error}");
    let clip = folder.path().join("clip.mp4");
    fs::write(&clip, b"x").unwrap();
    let options = OpenOptions {
        ffmpeg: Some(folder.path().join("nowhere/ffmpeg")),
        ..Default::default()
    };
    let error = Clip::open(&clip, &options).unwrap_err();
    assert!(matches!(error, ClipError::FfmpegMissing { .. }), "{error}");
}

/// Programs that never answer, in place of ffmpeg's.
#[cfg(unix)]
fn hanging(folder: &Path, name: &str, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[cfg(unix)]
#[test]
fn a_program_that_hangs_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let hangs = Ffmpeg {
        ffmpeg: hanging(folder.path(), "ffmpeg", "exec sleep 600"),
        ffprobe: hanging(folder.path(), "ffprobe", "exec sleep 600"),
        threads: None,
        patience: Duration::from_millis(300),
    };
    let clip = folder.path().join("clip.mp4");
    fs::write(&clip, b"x").unwrap();
    let started = Instant::now();
    let error = Video::open(&clip, &hangs).unwrap_err();
    assert!(matches!(error, ClipError::VideoTimeout { .. }), "{error}");

    let listing = "packet|pts_time=0|duration_time=0.04|flags=K\nstream|avg_frame_rate=25/1";
    let answers = format!("printf '{}\\n'", listing.replace('\n', "\\n"));
    let decodes_nothing = Ffmpeg {
        ffprobe: hanging(folder.path(), "probe", &answers),
        ..hangs
    };
    let source = Clip::Video(Box::new(Video::open(&clip, &decodes_nothing).unwrap()));
    let error = source
        .load(&vec![vec![0]], Preprocess::Official, Crops::One)
        .unwrap_err();
    assert!(matches!(error, ClipError::VideoTimeout { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(60));
}
