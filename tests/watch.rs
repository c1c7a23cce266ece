//! `eco watch`: sources, output, events, and how it ends.

mod driver;
mod tools;

use std::fs;
use std::io::{BufRead, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use driver::{clip, finished, folder, lines, names, output, piped, video};
use serde_json::{Value, json};

/// A command with the demo weights.
fn eco(command: &str, args: &[&str]) -> Command {
    let mut eco = Command::new(env!("CARGO_BIN_EXE_eco"));
    eco.args([command, "--weights", "demo", "--device", "cpu"]);
    eco.args(args).stdin(Stdio::null());
    eco.env_remove("ECO_WEIGHTS");
    eco
}

/// Watches with few segments, which is quick, and prints rows.
fn watch(args: &[&str]) -> Command {
    let mut command = eco("watch", &["--segments", "4", "--format", "jsonl"]);
    command.args(args);
    command
}

/// The rows of a run that ends well, without that of an event that ended after the last step.
fn rows(command: &mut Command) -> Vec<Value> {
    let (code, stdout, stderr) = output(command);
    assert_eq!(code, 0, "{stderr}");
    without_ends(lines(&stdout))
}

fn without_ends(mut rows: Vec<Value>) -> Vec<Value> {
    rows.retain(|row| row.get("ended").is_none() || row.get("step").is_some());
    rows
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Raw frames of a grey that changes with each.
fn raw_frames(count: usize) -> Vec<u8> {
    (0..count)
        .flat_map(|frame| vec![(frame * 8) as u8; 32 * 24 * 3])
        .collect()
}

/// The rows of raw frames on standard input.
fn piped_rows(command: &mut Command, bytes: &[u8]) -> (i32, Vec<Value>, String) {
    let (child, mut stdin, mut stdout) = piped(command);
    stdin.write_all(bytes).unwrap();
    drop(stdin);
    let mut printed = String::new();
    std::io::Read::read_to_string(&mut stdout, &mut printed).unwrap();
    let (code, _, stderr) = finished(child);
    (code, without_ends(lines(&printed)), stderr)
}

#[test]
fn one_step_without_an_average_is_the_answer_of_classify_bit_for_bit() {
    let folder = folder();
    let clip = clip(folder.path(), "clip", 16);
    let video = video(folder.path(), "video.mkv", "16");
    for source in [Some(clip), video].into_iter().flatten() {
        let rows_of = |command: &str, args: &[&str]| {
            let mut command = eco(command, &["--format", "jsonl", text(&source)]);
            rows(command.args(args))
        };
        let steps = rows_of("watch", &["--average", "none"]);
        let answers = rows_of("classify", &[]);
        let [step, answer] = [&steps[0], &answers[0]];
        assert_eq!(steps.len(), 1);
        assert_eq!(step["frames"], answer["frames"]);
        assert_eq!(step["top"], answer["top"], "{}", source.display());
        let averaged = step["averaged"].as_array().unwrap();
        for (averaged, top) in averaged.iter().zip(step["top"].as_array().unwrap()) {
            assert_eq!(averaged["label"], top["label"]);
            assert_eq!(averaged["score"], top["score"]);
        }
    }
}

#[test]
fn a_step_makes_half_of_the_maps_and_rows_say_which_frames_it_saw() {
    let folder = folder();
    let clip = clip(folder.path(), "clip", 14);
    let steps = rows(&mut watch(&[text(&clip), "--source-fps", "10"]));
    let of = |name: &str| -> Vec<Value> { steps.iter().map(|step| step[name].clone()).collect() };
    assert_eq!(of("computed"), [4, 2, 2, 2]);
    assert_eq!(of("first_frame"), [0, 4, 8, 12]);
    assert_eq!(of("last_frame"), [3, 7, 11, 13]);
    assert_eq!(of("last"), [false, false, false, true]);
    assert_eq!(
        of("frames")[..3],
        [
            json!([0, 1, 2, 3]),
            json!([0, 3, 4, 7]),
            json!([0, 4, 8, 11])
        ]
    );
    assert_eq!(steps[1]["end_seconds"], 0.7);
    assert!(
        steps
            .iter()
            .all(|step| step["latency_ms"].as_f64().unwrap() > 0.0)
    );
}

#[test]
fn frames_are_taken_at_the_rate_asked_for() {
    let folder = folder();
    let clip = clip(folder.path(), "clip", 20);
    let slow = ["--source-fps", "10", "--fps", "5"];
    let steps = rows(watch(&[text(&clip)]).args(slow));
    assert_eq!(steps[0]["frames"], json!([0, 2, 4, 6]));
    assert_eq!(steps.last().unwrap()["last_frame"], 18);
}

#[test]
fn raw_frames_and_a_stream_of_y4m_are_read_from_standard_input() {
    let raw = ["-", "--raw", "32x24", "--source-fps", "8"];
    let (code, steps, stderr) = piped_rows(&mut watch(&raw), &raw_frames(10));
    assert_eq!((code, steps.len()), (0, 3), "{stderr}");
    assert_eq!(steps[1]["end_seconds"], 0.875);

    let folder = folder();
    let Some(video) = video(folder.path(), "video.mkv", "12") else {
        return;
    };
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i", text(&video), "-f", "yuv4mpegpipe", "-"]);
    let stream = ffmpeg.output().unwrap().stdout;
    let (code, steps, stderr) = piped_rows(&mut watch(&["-"]), &stream);
    assert_eq!((code, steps.len()), (0, 3), "{stderr}");
    let of_file = rows(&mut watch(&[text(&video)]));
    for (step, of_file) in steps.iter().zip(&of_file) {
        assert_eq!(step["top"], of_file["top"]);
        assert_eq!(step["end_seconds"], of_file["end_seconds"]);
    }
}

#[test]
fn each_step_is_written_as_soon_as_it_is_known() {
    let raw = ["-", "--raw", "32x24", "--quiet"];
    let (child, mut stdin, mut stdout) = piped(&mut watch(&raw));
    for step in 0..3 {
        stdin.write_all(&raw_frames(4)).unwrap();
        stdin.flush().unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let row: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&row["step"], &row["last"]), (&json!(step), &json!(false)));
    }
    drop(stdin);
    assert_eq!(finished(child).0, 0);
}

#[test]
fn a_stream_that_ends_within_a_frame_keeps_its_answers_and_fails() {
    let raw = ["-", "--raw", "32x24"];
    let bytes = raw_frames(5);
    let (code, steps, stderr) = piped_rows(&mut watch(&raw), &bytes[..bytes.len() - 7]);
    assert_eq!(code, 1);
    assert_eq!(steps.len(), 2, "a step, and the error");
    assert!(
        steps[1]["error"]
            .as_str()
            .unwrap()
            .contains("within frame 4")
    );
    assert!(stderr.contains("rgb24 of 32 x 24"), "{stderr}");
}

#[test]
fn a_file_that_no_pipe_can_carry_is_answered_with_what_to_do() {
    let folder = folder();
    let Some(video) = video(folder.path(), "video.mp4", "600") else {
        return;
    };
    let bytes = fs::read(video).unwrap();
    let (code, _, stderr) = piped_rows(&mut watch(&["-"]), &bytes);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("name the file"), "{stderr}");
}

#[test]
fn a_silent_source_is_given_up() {
    let (child, stdin, _stdout) = piped(&mut watch(&["-", "--raw", "32x24", "--timeout", "300ms"]));
    let (code, _, stderr) = finished(child);
    drop(stdin);
    assert_eq!(code, 1);
    assert!(
        stderr.contains("standard input: no frame for 0.3 s"),
        "{stderr}"
    );
}

#[test]
fn a_directory_is_followed_while_frames_are_added() {
    let folder = folder();
    let all = clip(folder.path(), "all", 12);
    let growing = folder.path().join("growing");
    fs::create_dir(&growing).unwrap();
    let follow = [text(&growing), "--follow", "--timeout", "5s", "--quiet"];
    let (child, _stdin, mut stdout) = piped(&mut watch(&follow));
    for step in 0..3 {
        if step == 1 {
            // Longer than a damaged frame is waited for.
            std::thread::sleep(std::time::Duration::from_millis(2200));
        }
        for number in step * 4 + 1..=step * 4 + 4 {
            let name = format!("img_{number}.png");
            let bytes = fs::read(all.join(&name)).unwrap();
            // Half a file is none yet.
            fs::write(growing.join(&name), &bytes[..bytes.len() / 2]).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(80));
            fs::write(growing.join(&name), &bytes).unwrap();
        }
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let row: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(row["last_frame"], step * 4 + 3, "{line}");
    }
    let (code, _, stderr) = finished(child);
    assert_eq!(code, 1, "silence is a failure");
    assert!(stderr.contains("no frame for 5 s"), "{stderr}");
}

#[test]
fn sources_take_turns_and_one_that_fails_leaves_the_others() {
    let folder = folder();
    let (a, b) = (clip(folder.path(), "a", 8), clip(folder.path(), "b", 12));
    let none = folder.path().join("none.mp4");
    let sources = [text(&a), text(&none), text(&b)];
    let (code, stdout, stderr) = output(&mut watch(&sources));
    assert_eq!(code, 1);
    let rows = without_ends(lines(&stdout));
    let of = |source: &Path| {
        let of = |row: &&Value| row["source"] == text(source) && row.get("step").is_some();
        rows.iter().filter(of).count()
    };
    assert_eq!((of(&a), of(&b)), (2, 3));
    let failed: Vec<&Value> = rows
        .iter()
        .filter(|row| row.get("error").is_some())
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["source"], text(&none));
    assert!(
        stderr.contains("1 of 3 sources failed; the first: "),
        "{stderr}"
    );
}

#[test]
fn events_become_subtitles_and_a_table() {
    let folder = folder();
    let clip = clip(folder.path(), "clip", 24);
    let path = |name: &str| folder.path().join(name);
    let (srt, vtt, csv) = (path("e.srt"), path("e.vtt"), path("e.csv"));
    let mut command = watch(&[
        text(&clip),
        "--source-fps",
        "8",
        "--enter",
        "10%",
        "--leave",
        "5%",
    ]);
    command
        .arg("--srt")
        .arg(&srt)
        .arg("--vtt")
        .arg(&vtt)
        .arg("--csv")
        .arg(&csv);
    let steps = lines(&output(&mut command).1);
    let ended: Vec<&Value> = steps
        .iter()
        .flat_map(|step| step["ended"].as_array())
        .flatten()
        .collect();
    assert!(!ended.is_empty());
    let last = ended.last().unwrap();
    assert_eq!(last["end_seconds"], 2.875);
    let srt = fs::read_to_string(srt).unwrap();
    assert!(srt.starts_with("1\n00:00:00,000 --> 00:00:0"), "{srt}");
    assert!(
        fs::read_to_string(vtt)
            .unwrap()
            .starts_with("WEBVTT\n\n00:00:00.000 --> ")
    );
    let table = fs::read_to_string(csv).unwrap();
    assert_eq!(table.lines().count(), 1 + ended.len());
    assert!(table.starts_with("source,start,end,label,score\n"));
}

#[test]
fn nothing_is_certain_below_the_limit() {
    let clip = "tests/clips/moving_left";
    let limited = |limit| {
        let limit = ["--min-score", limit, "--hold", "1h", clip];
        let (code, stdout, _) = output(&mut eco("watch", &limit));
        assert_eq!(code, 0);
        (
            stdout.lines().count(),
            stdout.matches("nothing certain (").count(),
        )
    };
    assert_eq!(limited("100%"), (2, 2));
    assert_eq!(limited("50%"), (2, 0));
}

#[test]
fn the_report_shows_a_timeline_and_the_frames_of_its_parts() {
    let folder = folder();
    let (a, b) = (clip(folder.path(), "a", 12), clip(folder.path(), "b", 8));
    let page = folder.path().join("out.html");
    rows(watch(&[text(&a), text(&b)]).arg("--report").arg(&page));
    let html = fs::read_to_string(page).unwrap();
    assert_eq!(html.matches("<figure class=\"timeline\">").count(), 2);
    assert!(html.contains("3 steps in ") && html.contains("data:image/jpeg;base64,"));
    assert!(html.contains("ECO report: 2 clips"), "{}", &html[..400]);
}

#[test]
fn the_overlay_is_a_video_of_as_many_frames() {
    let folder = folder();
    let Some(source) = video(folder.path(), "in.mkv", "20") else {
        return;
    };
    let target = folder.path().join("out.mkv");
    let plain = rows(&mut watch(&[text(&source)]));
    let drawn = rows(watch(&[text(&source)]).arg("--overlay").arg(&target));
    for (plain, drawn) in plain.iter().zip(&drawn) {
        assert_eq!(plain["top"], drawn["top"], "the network sees no label");
    }
    let count = [
        "-count_frames",
        "-show_entries",
        "stream=nb_read_frames,width,height",
    ];
    let mut ffprobe = Command::new("ffprobe");
    ffprobe
        .args(["-v", "error"])
        .args(count)
        .args(["-of", "csv=p=0", text(&target)]);
    let printed = String::from_utf8(ffprobe.output().unwrap().stdout).unwrap();
    assert_eq!(printed.trim(), "96,72,20");
    assert_eq!(names(folder.path()), ["in.mkv", "out.mkv"]);
}

#[test]
fn wrong_usage_is_refused_with_what_to_do() {
    let folder = folder();
    let clip = clip(folder.path(), "clip", 4);
    let clip = text(&clip);
    let cases: [(&[&str], &str); 13] = [
        (&["-", "-"], "name `-` once"),
        (&[clip, "--raw", "4x4"], "--raw has no effect here"),
        (&["-", "--follow"], "--follow has no effect here"),
        (&[clip, "--retry", "3"], "--retry has no effect here"),
        (&[clip, "--batch", "2"], "--batch has no effect here"),
        (
            &[clip, "--input-option", "re"],
            "--input-option has no effect here",
        ),
        (
            &[clip, "--enter", "30%"],
            "--leave 40% is above --enter 30%",
        ),
        (&[clip, "--every", "1"], "--memory sampled takes fewer"),
        (&[clip, "--every", "0"], "--every is a length above 0"),
        (&[clip, "--every", "9999"], "--fps looks at fewer"),
        (&[clip, "--average", "mean:0"], "none of ema, mean:K"),
        (&[clip, clip, "--srt", "a.srt"], "--srt is for one source"),
        (&[clip, "--overlay", "a.gif"], ".mp4, .mkv, .mov or .webm"),
    ];
    for (args, expected) in cases {
        let (code, stdout, stderr) = output(&mut watch(args));
        assert_eq!((code, stdout.as_str()), (2, ""), "{args:?}: {stderr}");
        assert!(stderr.contains(expected), "{args:?}: {stderr}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_work_quietly() {
    let raw = ["-", "--raw", "32x24", "--quiet"];
    let (child, mut stdin, stdout) = piped(&mut watch(&raw));
    drop(stdout);
    // The reader of these may be gone as well.
    let _ = stdin.write_all(&raw_frames(8));
    drop(stdin);
    let (code, _, stderr) = finished(child);
    assert_eq!((code, stderr.as_str()), (0, ""));
}
