//! Runs `eco classify` with the demo weights on small clips.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::ffi::OsStr;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

use crate::tools;

/// Classifies with the demo weights and few segments, which is quick.
pub(crate) fn classify<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command.args([
        "classify",
        "--weights",
        "demo",
        "--segments",
        "4",
        "--device",
        "cpu",
    ]);
    command
        .args(args)
        .stdin(Stdio::null())
        .env_remove("ECO_WEIGHTS");
    command
}

/// Runs a command: exit code, standard output, standard error.
pub(crate) fn output(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// Starts a command with all three standard streams as pipes, the output to be read by lines.
pub(crate) fn piped(command: &mut Command) -> (Child, ChildStdin, BufReader<ChildStdout>) {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    (child, stdin, BufReader::new(stdout))
}

/// A clip of so many frames in which a box moves.
pub(crate) fn clip(folder: &Path, name: impl AsRef<Path>, frames: u32) -> PathBuf {
    let clip = folder.join(name);
    fs::create_dir_all(&clip).unwrap();
    for number in 1..=frames {
        let place = 10 + number * 40 / frames;
        let pixel = |x: u32, y: u32| {
            let inside = (place..place + 20).contains(&x) && (20..40).contains(&y);
            Rgb(if inside { [240, 220, 60] } else { [20, 24, 30] })
        };
        RgbImage::from_fn(80, 60, pixel)
            .save(clip.join(format!("img_{number}.png")))
            .unwrap();
    }
    clip
}

/// An empty folder.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The rows of JSON lines.
pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What is in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Waits for a child: exit code, standard output, standard error.
pub(crate) fn finished(child: Child) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// Makes a video of so many frames with ffmpeg; `None` where it is not installed.
pub(crate) fn video(folder: &Path, name: &str, frames: &str) -> Option<PathBuf> {
    let video = folder.join(name);
    let source = "testsrc2=size=96x72:rate=10";
    let input = ["-v", "error", "-f", "lavfi", "-i", source];
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(input).args(["-frames:v", frames]).arg(&video);
    match ffmpeg.status() {
        Ok(status) => {
            assert!(status.success(), "{status}");
            Some(video)
        }
        Err(error) => {
            tools::skip("a video", format_args!("ffmpeg: {error}"));
            None
        }
    }
}
