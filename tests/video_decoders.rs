//! The worker that decodes with libav* against the ffmpeg program: the same frames, whatever the video is and whatever happens.

mod tools;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use eco::clip::{
    Clip, ClipError, Crops, DecodedBy, Decoder, DecoderChoice, Ffmpeg, LoadOptions, Loaded,
    OpenOptions, load_clip,
};
use eco::random::Draws;
use eco::recipe::{Preprocess, Sampling};
use tempfile::TempDir;

/// The videos of scripts/video_corpus.sh, made once; `None` without ffmpeg.
fn corpus() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<TempDir>> = OnceLock::new();
    let made = FOLDER.get_or_init(|| {
        if let Err(error) = Ffmpeg::find(None) {
            tools::skip("a video", error);
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/video_corpus.sh");
        let made = Command::new(script).arg(folder.path()).status().unwrap();
        assert!(made.success());
        Some(folder)
    });
    made.as_ref().map(TempDir::path)
}

fn videos(folder: &Path) -> Vec<PathBuf> {
    let mut videos: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    videos.sort();
    videos
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn worker() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_eco-decode"))
}

fn options(choice: DecoderChoice, program: PathBuf) -> OpenOptions {
    OpenOptions {
        decoder: Decoder::new(choice).with_program(program),
        ..OpenOptions::default()
    }
}

/// The frames at `indices`, cropped.
fn frames(clip: &Clip, indices: &[usize]) -> eco::clip::Result<Vec<Vec<u8>>> {
    let views = vec![indices.to_vec()];
    let loaded = clip.load(&views, Preprocess::Official, Crops::One)?;
    Ok(loaded[0].iter().map(<[u8]>::to_vec).collect())
}

/// Few frames far apart, neighbours, the beginning, the end, one alone.
fn samplings(count: usize) -> Vec<Vec<usize>> {
    let shifted = |by: usize, segments: usize| {
        let indices = Sampling::Official.indices(count, segments);
        let mut indices: Vec<usize> = indices.iter().map(|at| (at + by).min(count - 1)).collect();
        indices.dedup();
        indices
    };
    vec![
        shifted(0, 16),
        shifted(1, 16),
        shifted(0, 4),
        shifted(2, 4),
        shifted(3, 5),
        (count / 2..(count / 2 + 7).min(count)).collect(),
        vec![0],
        vec![count - 1],
        vec![count * 2 / 3],
    ]
}

#[test]
fn every_frame_of_every_kind_of_video_is_the_ffmpeg_programs() {
    let Some(folder) = corpus() else { return };
    let with_program = options(DecoderChoice::Ffmpeg, worker());
    let with_libav = options(DecoderChoice::Libav, worker());
    let two_threads = OpenOptions {
        threads: Some(2),
        ..with_libav.clone()
    };
    let mut wrong = Vec::new();
    for path in videos(folder) {
        let name = name(&path);
        let expected = Clip::open(&path, &with_program).unwrap();
        let count = expected.frame_count();
        let all: Vec<usize> = (0..count).collect();
        let reference = frames(&expected, &all).unwrap();
        for options in [&with_libav, &two_threads] {
            let clip = match Clip::open(&path, options) {
                Ok(clip) => clip,
                Err(error) => {
                    wrong.push(error.to_string());
                    continue;
                }
            };
            let (times, known) = (clip.timeline(), expected.timeline());
            let seconds = |timeline: &eco::clip::Timeline| -> Vec<_> {
                (0..=count).map(|index| timeline.seconds(index)).collect()
            };
            if clip.frame_count() != count || seconds(&times) != seconds(&known) {
                wrong.push(format!("{name}: {} frames, {count}", clip.frame_count()));
                continue;
            }
            for indices in samplings(count) {
                match frames(&clip, &indices) {
                    Ok(found) => {
                        let differ = |(at, found): (&usize, &Vec<u8>)| *found != reference[*at];
                        let bad = indices.iter().zip(&found).filter(|pair| differ(*pair));
                        let bad: Vec<usize> = bad.map(|(at, _)| *at).collect();
                        if !bad.is_empty() {
                            wrong.push(format!("{name}: frames {bad:?} of {indices:?} differ"));
                        }
                    }
                    Err(error) => wrong.push(format!("{error} ({indices:?})")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn load(path: &Path, open: OpenOptions) -> eco::clip::Result<Loaded> {
    let options = LoadOptions {
        open,
        ..LoadOptions::default()
    };
    let mut answer = None;
    load_clip(&path.to_path_buf().into(), &options, &mut |loaded| {
        answer = Some(loaded);
        ControlFlow::Continue(())
    })?;
    Ok(answer.unwrap())
}

/// A program that behaves as `script` says; `$REAL` is the worker.
fn instead(folder: &Path, name: &str, script: &str) -> PathBuf {
    let program = folder.join(name);
    let text = format!("#!/bin/sh\nREAL='{}'\n{script}\n", worker().display());
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn a_worker_that_ends_in_the_middle_of_a_clip_is_replaced_by_the_program() {
    let Some(folder) = corpus() else { return };
    let path = folder.join("h264.mp4");
    let reference = load(&path, options(DecoderChoice::Ffmpeg, worker())).unwrap();
    assert_eq!(reference.decoder, Some(DecodedBy::Ffmpeg(None)));
    let sound = load(&path, options(DecoderChoice::Auto, worker())).unwrap();
    assert_eq!(sound.decoder, Some(DecodedBy::Libav));
    assert_eq!(sound.views, reference.views);

    let folder = tempfile::tempdir().unwrap();
    // Two frames have come by then, and more of the third is left than a pipe takes.
    let dying = instead(folder.path(), "dying", "\"$REAL\" | dd bs=1 count=310000");
    let left = load(&path, options(DecoderChoice::Auto, dying.clone())).unwrap();
    let why = left.decoder.clone();
    assert!(matches!(why, Some(DecodedBy::Ffmpeg(Some(_)))), "{why:?}");
    assert_eq!(left.views, reference.views);
    let error = load(&path, options(DecoderChoice::Libav, dying)).unwrap_err();
    assert!(matches!(error, ClipError::Libav { .. }), "{error}");
}

#[test]
fn without_a_worker_the_program_decodes_unless_it_may_not() {
    let Some(folder) = corpus() else { return };
    let path = folder.join("h264.mp4");
    for program in ["/nowhere/eco-decode", "/bin/true"] {
        let found = load(&path, options(DecoderChoice::Auto, program.into())).unwrap();
        let why = found.decoder;
        assert!(matches!(why, Some(DecodedBy::Ffmpeg(Some(_)))), "{why:?}");
        let error = load(&path, options(DecoderChoice::Libav, program.into())).unwrap_err();
        assert!(error.to_string().contains(program), "{error}");
    }
}

#[test]
fn a_worker_that_hangs_is_stopped() {
    let Some(folder) = corpus() else { return };
    let path = folder.join("h264.mp4");
    let folder = tempfile::tempdir().unwrap();
    // It greets, and says nothing more.
    let hanging = instead(
        folder.path(),
        "hanging",
        "\"$REAL\" < /dev/null\nexec sleep 1000",
    );
    let decoder = Decoder::new(DecoderChoice::Auto).with_program(hanging);
    let options = OpenOptions {
        decoder: decoder.with_patience(Duration::from_millis(500)),
        ..OpenOptions::default()
    };
    let started = Instant::now();
    let error = load(&path, options).unwrap_err();
    assert!(matches!(error, ClipError::VideoTimeout { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(30));
}

/// The bytes of a video, changed in a few places or cut.
fn mutated(bytes: &[u8], draws: &mut Draws) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if draws.below(8) == 0 {
        bytes.truncate(draws.below(bytes.len()));
        return bytes;
    }
    for _ in 0..=draws.below(12) {
        // Headers are where most can go wrong.
        let end = if draws.below(2) == 0 {
            2048
        } else {
            bytes.len()
        };
        let place = draws.below(end.min(bytes.len()));
        bytes[place] = draws.below(256) as u8;
    }
    bytes
}

/// ECO_MUTATIONS asks for more.
#[test]
fn damaged_videos_give_an_answer_or_an_error() {
    let Some(folder) = corpus() else { return };
    let count = env::var("ECO_MUTATIONS").map_or(60, |count| count.parse().unwrap());
    let videos = videos(folder);
    let scratch = tempfile::tempdir().unwrap();
    let options = options(DecoderChoice::Libav, worker());
    let mut endings: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..count {
        let mut draws = Draws::new(7, &[number]);
        let video = &videos[draws.below(videos.len())];
        let damaged = scratch.path().join(name(video));
        fs::write(&damaged, mutated(&fs::read(video).unwrap(), &mut draws)).unwrap();
        let ending = match load(&damaged, options.clone()) {
            Ok(_) => "answers",
            Err(ClipError::Libav { reason, .. }) if reason.contains("has ended") => "crashes",
            Err(ClipError::VideoTimeout { .. }) => "hangs",
            Err(_) => "errors",
        };
        if matches!(ending, "crashes" | "hangs") {
            println!("{ending}: {number}, {}", video.display());
        }
        *endings.entry(ending).or_default() += 1;
        fs::remove_file(damaged).unwrap();
    }
    println!("{endings:?}");
    assert_eq!(endings.get("hangs"), None);
}
