//! `eco watch` on live sources: devices, streams over the network that are lost and come back, Ctrl-C, a terminal.
#![cfg(target_os = "linux")]

mod driver;
mod tools;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use driver::{finished, folder, lines, output};
use serde_json::Value;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn watch(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command.args(["watch", "--weights", "demo", "--segments", "4"]);
    command
        .args(["--device", "cpu"])
        .args(args)
        .stdin(Stdio::null());
    command.env_remove("ECO_WEIGHTS");
    command
}

fn has_ffmpeg() -> bool {
    let found = Command::new("ffmpeg")
        .arg("-version")
        .stdout(Stdio::null())
        .status();
    if let Err(error) = &found {
        tools::skip("a live source", format_args!("ffmpeg: {error}"));
    }
    found.is_ok()
}

/// A command that is killed at the end of a test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        let quiet = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(quiet.spawn().unwrap())
    }

    /// Its lines as they come.
    fn lines(&mut self) -> Receiver<String> {
        let stdout = BufReader::new(self.0.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        lines
    }

    fn interrupt(&self) {
        let kill = Command::new("kill")
            .args(["-INT", &self.0.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
    }

    /// Exit code and standard error.
    fn finish(mut self) -> (i32, String) {
        let mut said = String::new();
        let stderr = self.0.stderr.as_mut().unwrap();
        std::io::Read::read_to_string(stderr, &mut said).unwrap();
        (self.0.wait().unwrap().code().unwrap(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn row(lines: &Receiver<String>) -> Value {
    let line = lines.recv_timeout(PATIENCE).expect("a row in time");
    serde_json::from_str(&line).unwrap()
}

/// A port that is free now.
fn port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Sends a test picture in real time until it is killed.
fn sender(target: &[&str]) -> Running {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args([
        "-v",
        "error",
        "-re",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=96x72:rate=25",
    ]);
    ffmpeg
        .args(["-c:v", "mpeg4", "-g", "5"])
        .args(target)
        .stdin(Stdio::null());
    Running::start(&mut ffmpeg)
}

#[test]
fn a_source_that_is_too_quick_drops_the_oldest_frames_and_says_how_many() {
    if !has_ffmpeg() {
        return;
    }
    let device = [
        "lavfi:testsrc2=size=96x72:rate=25:duration=80",
        "--format",
        "jsonl",
    ];
    let (code, stdout, stderr) = output(&mut watch(&device));
    assert_eq!(code, 0, "{stderr}");
    let mut rows = lines(&stdout);
    rows.retain(|row| row.get("step").is_some());
    let number = |row: &Value, name: &str| row[name].as_u64().unwrap();
    let dropped: u64 = rows.iter().map(|row| number(row, "dropped")).sum();
    assert!(dropped > 0, "2000 frames at once are too many");
    assert_eq!(
        number(rows.last().unwrap(), "last_frame"),
        1999,
        "the newest are kept"
    );
    assert!(
        stderr.contains(&format!(": {dropped} of 2000 frames dropped (")),
        "{stderr}"
    );
    let mut frames: Vec<u64> = Vec::new();
    for row in &rows {
        assert!(
            number(row, "first_frame") > frames.last().copied().unwrap_or(0) || frames.is_empty()
        );
        frames.push(number(row, "last_frame"));
    }
    let never = [&device[..], &["--drop", "never", "--every", "200"]].concat();
    let (_, stdout, stderr) = output(&mut watch(&never));
    assert_eq!(
        lines(&stdout)
            .iter()
            .map(|row| number(row, "dropped"))
            .sum::<u64>(),
        0,
        "{stderr}"
    );
}

#[test]
fn a_stream_over_rtsp_is_lost_and_found_again() {
    if !has_ffmpeg() {
        return;
    }
    let address = format!("rtsp://127.0.0.1:{}/live", port());
    // ffmpeg has no server of its own, but its reader can wait for a sender, in FFmpeg 9 not for ever.
    let listen = [
        &address,
        "--input-option",
        "rtsp_flags=listen",
        "--input-option",
        "listen_timeout=30",
        "--retry",
        "40",
    ];
    let more = ["--format", "jsonl", "--timeout", "20s", "--every", "8"];
    let mut eco = Running::start(watch(&listen).args(more));
    let rows = eco.lines();
    let to_rtsp = ["-f", "rtsp", "-rtsp_transport", "tcp", &address];
    let mut last = -1.0;
    for _ in 0..2 {
        let mut sender = sender(&to_rtsp);
        let started = Instant::now();
        let mut seen = 0;
        while seen < 4 {
            assert!(started.elapsed() < PATIENCE, "{seen} rows");
            if let Ok(line) = rows.recv_timeout(Duration::from_millis(200)) {
                let row: Value = serde_json::from_str(&line).unwrap();
                let seconds = row["end_seconds"].as_f64().unwrap();
                assert!(seconds >= last, "time goes on, after a gap as well");
                (last, seen) = (seconds, seen + 1);
            } else if sender.0.try_wait().unwrap().is_some() {
                // The reader was not listening, or was not quick enough for its own patience.
                std::thread::sleep(Duration::from_millis(300));
                sender = self::sender(&to_rtsp);
            }
        }
        drop(sender);
        // What was on its way when the sender went.
        while rows.recv_timeout(Duration::from_millis(300)).is_ok() {}
    }
    eco.interrupt();
    let (code, stderr) = eco.finish();
    assert_eq!(code, 130, "{stderr}");
    assert!(
        stderr.contains("; trying again in 0.5 s (1 of 40)"),
        "{stderr}"
    );
    assert!(stderr.contains(" is back after "), "{stderr}");
}

#[test]
fn a_stream_over_http_ends_with_its_sender() {
    if !has_ffmpeg() {
        return;
    }
    let address = format!("http://127.0.0.1:{}/live.ts", port());
    let _sender = sender(&["-t", "2", "-f", "mpegts", "-listen", "1", &address]);
    let started = Instant::now();
    loop {
        let (code, stdout, stderr) =
            output(&mut watch(&[&address, "--format", "jsonl", "--retry", "0"]));
        if code == 0 {
            // The newest frames are never dropped, however slow the machine is.
            let is_last = |row: &Value| row["last_frame"] == 49;
            assert!(lines(&stdout).iter().any(is_last), "{stdout}");
            return;
        }
        // The sender may not listen yet.
        assert!(stderr.contains("refused"), "{stderr}");
        assert!(started.elapsed() < PATIENCE, "{stderr}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn an_address_that_nobody_serves_is_an_error_at_once() {
    if !has_ffmpeg() {
        return;
    }
    let address = format!("rtsp://me:secret@127.0.0.1:{}/live", port());
    let (code, _, stderr) = output(&mut watch(&[&address]));
    assert_eq!(code, 1);
    assert!(stderr.contains("Connection refused"), "{stderr}");
    assert!(!stderr.contains("secret"), "{stderr}");
}

#[test]
fn ctrl_c_completes_the_files() {
    if !has_ffmpeg() {
        return;
    }
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let mut command = watch(&["lavfi:testsrc2=size=96x72:rate=25", "--input-option", "re"]);
    command.args([
        "--format", "jsonl", "--enter", "1%", "--leave", "0%", "--hold", "0s",
    ]);
    command
        .arg("--srt")
        .arg(path("e.srt"))
        .arg("--csv")
        .arg(path("e.csv"));
    command
        .arg("--report")
        .arg(path("e.html"))
        .arg("--overlay")
        .arg(path("e.mkv"));
    let mut eco = Running::start(&mut command);
    let rows = eco.lines();
    for _ in 0..6 {
        row(&rows);
    }
    eco.interrupt();
    let (code, stderr) = eco.finish();
    assert_eq!(code, 130, "{stderr}");
    assert_eq!(
        driver::names(folder.path()),
        ["e.csv", "e.html", "e.mkv", "e.srt"]
    );
    let read = |name: &str| fs::read_to_string(path(name)).unwrap();
    assert_eq!(read("e.csv").lines().count(), 2, "the event that lasted");
    assert!(read("e.srt").starts_with("1\n") && read("e.html").trim_end().ends_with("</html>"));
    let mut ffprobe = Command::new("ffprobe");
    let probe = ffprobe.args([
        "-v",
        "error",
        "-show_entries",
        "stream=width",
        "-of",
        "csv=p=0",
    ]);
    let probed = probe.arg(path("e.mkv")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&probed.stdout).trim(), "96");
}

/// What a terminal of 60 columns gets; `None` where there is no `script`.
fn on_terminal(folder: &Path, args: &str) -> Option<String> {
    let clip = driver::clip(folder, "clip", 24);
    let (eco, clip) = (env!("CARGO_BIN_EXE_eco"), clip.display());
    let run = format!(
        "stty rows 24 cols 60; {eco} watch {clip} --weights demo --segments 4 --quiet {args}"
    );
    let mut script = Command::new("script");
    script
        .args(["-qec", &run, "/dev/null"])
        .env("SHELL", "/bin/sh");
    script.stdin(Stdio::null()).stdout(Stdio::piped());
    match script.env_remove("ECO_WEIGHTS").spawn() {
        Ok(child) => {
            let (code, shown, _) = finished(child);
            assert_eq!(code, 0, "{shown}");
            Some(shown)
        }
        Err(error) => {
            tools::skip("a terminal", format_args!("script: {error}"));
            None
        }
    }
}

#[test]
fn a_terminal_gets_a_view_in_place_whose_lines_fit() {
    let folder = folder();
    let Some(shown) = on_terminal(folder.path(), "--enter 10% --leave 5% --hold 0s -k 3") else {
        return;
    };
    assert!(
        shown.contains("frames/s") && shown.contains("latency p50"),
        "{shown:?}"
    );
    assert!(shown.contains("\u{1b}[J"), "drawn in place");
    let escape = regex::Regex::new("\u{1b}\\[[0-9;]*[a-zA-Z]").unwrap();
    for line in shown.split(['\r', '\n']) {
        let plain = escape.replace_all(line, "");
        assert!(plain.chars().count() < 60, "{plain:?}");
    }
    let events = shown.matches("event: ").count();
    assert!(events > 0, "events stay above the view: {shown:?}");
}
