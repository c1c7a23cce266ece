//! `eco classify` as a whole, with the demo weights on small clips.

mod tools;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use eco::engine::{Device, network};
use eco::model::state_dict;
use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

/// Classifies with the demo weights and few segments, which is quick.
fn classify<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
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

fn output(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// A clip of so many frames in which a box moves.
fn clip(folder: &Path, name: impl AsRef<Path>, frames: u32) -> PathBuf {
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

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn rows_keep_the_order_of_the_input_and_a_clip_that_fails_is_a_row() {
    let folder = folder();
    let many = folder.path().join("many");
    clip(&many, "clip_10", 3);
    clip(&many, "clip_9", 5);
    let single = clip(folder.path(), "single", 2);
    let (empty, missing) = (folder.path().join("empty"), folder.path().join("singel"));
    fs::create_dir(&empty).unwrap();
    let list = folder.path().join("list.txt");
    fs::write(&list, "single 2 0\n\nmany/clip_9\n").unwrap();

    let args = [&single, &empty, &many, &missing];
    let mut command = classify(args);
    command
        .arg("--list")
        .arg(&list)
        .args(["--format", "jsonl", "--batch", "3"]);
    let (code, stdout, stderr) = output(&mut command);
    let rows = lines(&stdout);
    let clips: Vec<&str> = rows
        .iter()
        .map(|row| row["clip"].as_str().unwrap())
        .collect();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let expected = [
        path(&folder.path().join("single")),
        path(&folder.path().join("many/clip_9")),
        path(&single),
        path(&empty),
        path(&many.join("clip_9")),
        path(&many.join("clip_10")),
        path(&missing),
    ];
    assert_eq!(clips, expected);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("2 of 7 failed"), "{stderr}");
    assert!(
        rows[3]["error"].as_str().unwrap().contains("no frames in"),
        "{}",
        rows[3]
    );
    let error = rows[6]["error"].as_str().unwrap();
    assert!(
        error.contains("does not exist") && error.contains("single"),
        "{error}"
    );
    assert_eq!(rows[4]["source_frames"], 5);
    assert_eq!(
        rows[0]["top"], rows[2]["top"],
        "the same clip has the same answer"
    );
}

#[test]
fn views_windows_and_limits_show_in_the_rows() {
    let folder = folder();
    let long = clip(folder.path(), "long", 24);
    let mut command = classify([&long]);
    command.args([
        "--window", "8", "--stride", "0.5s", "--fps", "10", "--clips", "2",
    ]);
    command.args([
        "--crops",
        "3",
        "--batch",
        "4",
        "--min-score",
        "100%",
        "-k",
        "1",
        "--logits",
    ]);
    let (code, stdout, stderr) = output(command.args(["--format", "json"]));
    assert_eq!(code, 0, "{stderr}");
    let rows: Value = serde_json::from_str(&stdout).unwrap();
    let rows = rows.as_array().unwrap();
    let starts: Vec<u64> = rows
        .iter()
        .map(|row| row["range"]["start_frame"].as_u64().unwrap())
        .collect();
    assert_eq!(starts, [0, 5, 10, 15, 16]);
    assert_eq!(rows[1]["range"]["start_seconds"], 0.5);
    assert_eq!(rows[1]["range"]["end_frame"], 13);
    assert_eq!(rows[1]["views"], 6);
    assert_eq!(rows[1]["frames"].as_array().unwrap().len(), 6 * 4);
    for row in rows {
        // The demo is sure of itself: float32 has no number between its best score and 1.
        let best = row["top"][0]["score"].as_f64().unwrap();
        assert_eq!(row["uncertain"], best < 1.0);
    }
    assert_eq!(rows[1]["top"].as_array().unwrap().len(), 1);
    let logits = rows[1]["logits"].as_array().unwrap();
    let best = rows[1]["top"][0]["index"].as_u64().unwrap() as usize;
    assert_eq!(logits[best], rows[1]["top"][0]["logit"]);
}

#[test]
fn flags_without_effect_are_refused() {
    let folder = folder();
    let one = clip(folder.path(), "one", 1);
    let clip = one.to_str().unwrap();
    for (args, reason) in [
        (&[clip, "--logits"][..], "--logits has no effect"),
        (&[clip, "--fps", "25"], "--fps has no effect"),
        (&[clip, "--stride", "8"], "--window"),
        (&[clip, clip, "--sheet", "s.png"], "--sheet is for one clip"),
        (&["-", "--sheet", "s.png"], "--sheet is for one clip"),
        (
            &[clip, "--report", "a.csv", "--scores", "a.csv"],
            "--report and --scores both write",
        ),
        (&[clip, "-q", "-v"], "cannot be used with"),
        (&[clip, "--batch", "0"], "from 1"),
        (
            &[clip, "--features", "f.csv"],
            "should end in .safetensors or .npy",
        ),
        (
            &[clip, "--scores", "s.txt"],
            "should end in .csv, .safetensors or .npy",
        ),
        (&[clip, "--topk", "0"], "from 1"),
        (&[clip, "--min-score", "50"], "0% to 100%"),
        (&[clip, "--min-scor", "50%"], "--min-score"),
        (&[], "CLIP"),
    ] {
        let (code, stdout, stderr) = output(&mut classify(args));
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(stderr.contains(reason), "{args:?}: {stderr}");
        assert_eq!(stdout, "");
    }
}

#[test]
fn damaged_and_hostile_frames_are_rows_and_nothing_worse() {
    let folder = folder();
    let cut = clip(folder.path(), "cut", 1);
    let file = cut.join("img_1.png");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let huge = folder.path().join("huge");
    fs::create_dir(&huge).unwrap();
    fs::write(huge.join("1.png"), png_of_60000_pixels_each_way()).unwrap();
    let good = clip(folder.path(), "good", 4);
    let (code, stdout, stderr) = output(classify([&cut, &huge, &good]).args(["--format", "jsonl"]));
    assert_eq!(code, 1, "{stderr}");
    let rows = lines(&stdout);
    assert!(
        rows[0]["error"].as_str().unwrap().contains("img_1.png"),
        "{}",
        rows[0]
    );
    assert!(
        rows[1]["error"].as_str().unwrap().contains("too large"),
        "{}",
        rows[1]
    );
    assert!(rows[2]["error"].is_null(), "{}", rows[2]);
}

/// A PNG file up to its header.
fn png_of_60000_pixels_each_way() -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(60_000u32.to_be_bytes());
    chunk.extend(60_000u32.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let crc = chunk.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    });
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\r".to_vec();
    png.extend(chunk);
    png.extend((!crc).to_be_bytes());
    png.extend(b"\0\0\0\x04IDAT\0\0\0\0\0\0\0\0");
    png
}

#[test]
fn a_directory_of_ten_thousand_frames_decodes_the_sampled_ones_only() {
    let folder = folder();
    let big = clip(folder.path(), "big", 1);
    // Only frames that are not sampled are damaged.
    fs::write(big.join("img_2.png"), "no image").unwrap();
    for number in 3..=10_000 {
        let sampled = [1_251, 3_751, 6_251, 8_751].contains(&number);
        let from = big.join(if sampled { "img_1.png" } else { "img_2.png" });
        fs::hard_link(from, big.join(format!("img_{number}.png"))).unwrap();
    }
    let (code, stdout, stderr) = output(classify([&big]).args(["--format", "jsonl"]));
    assert_eq!(code, 0, "{stderr}");
    let row = &lines(&stdout)[0];
    assert_eq!(row["source_frames"], 10_000);
    assert_eq!(
        row["frames"],
        serde_json::json!([1_250, 3_750, 6_250, 8_750])
    );
    assert_eq!(row["frame_names"][0], "img_1251.png");
}

#[test]
fn every_file_is_written_whole_with_odd_names_in_it() {
    let folder = folder();
    let odd = clip(folder.path(), "odd \"name\", <b>&amp;", 4);
    let bad = folder.path().join("bad");
    let files = ["r.html", "f.safetensors", "s.csv"].map(|name| folder.path().join(name));
    let mut command = classify([&odd, &bad]);
    command
        .arg("--report")
        .arg(&files[0])
        .arg("--features")
        .arg(&files[1]);
    let (code, stdout, stderr) = output(command.arg("--scores").arg(&files[2]));
    assert_eq!(code, 1, "{stderr}");
    assert!(stdout.contains("odd \"name\", <b>&amp;"), "{stdout}");
    let page = fs::read_to_string(&files[0]).unwrap();
    assert!(
        page.contains("odd &#34;name&#34;, &#60;b&#62;&#38;amp;"),
        "the name is escaped"
    );
    assert_eq!(page.matches("data:image/jpeg;base64,").count(), 4);
    let bytes = fs::read(&files[1]).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("features").unwrap().shape(), [1, 512]);
    let scores = fs::read_to_string(&files[2]).unwrap();
    assert_eq!(scores.lines().count(), 2, "{scores}");

    let sheet = folder.path().join("sheet.png");
    let (code, _, stderr) = output(classify([&odd]).arg("--sheet").arg(&sheet));
    assert_eq!(code, 0, "{stderr}");
    assert!(image::open(&sheet).unwrap().width() > 4 * 224);
    let expected = [
        "f.safetensors",
        "odd \"name\", <b>&amp;",
        "r.html",
        "s.csv",
        "sheet.png",
    ];
    assert_eq!(names(folder.path()), expected);
}

#[cfg(unix)]
#[test]
fn paths_that_are_not_utf8_go_in_and_come_out() {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let folder = folder();
    let name = std::ffi::OsString::from_vec(b"caf\xe9".to_vec());
    let odd = clip(folder.path(), &name, 1);
    let mut child = classify(["-", "--format", "jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = odd.as_os_str().as_bytes().to_vec();
    line.push(b'\n');
    child.stdin.take().unwrap().write_all(&line).unwrap();
    let (code, stdout, _) = finished(child);
    assert_eq!(code, 0);
    let row = &lines(&stdout)[0];
    assert!(
        row["clip"].as_str().unwrap().ends_with("caf\u{fffd}"),
        "{row}"
    );
    assert!(row["clip_base64"].is_string());
}

fn finished(child: Child) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn a_filter_answers_each_line_before_it_reads_the_next() {
    let folder = folder();
    let clips = [clip(folder.path(), "a", 1), clip(folder.path(), "b", 2)];
    let mut child = classify(["-", "--format", "jsonl", "-q"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for clip in clips {
        writeln!(stdin, "{}", clip.display()).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(lines(&line)[0]["clip"], clip.to_str().unwrap());
    }
    drop(stdin);
    let (code, _, stderr) = finished(child);
    assert_eq!((code, stderr.as_str()), (0, ""), "-q says nothing");
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_complete_output() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    let report = folder.path().join("report.html");
    let mut child = classify(["-", "--format", "jsonl"])
        .arg("--report")
        .arg(&report)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", clip.display()).unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    // Standard input is still open: it is not what ends the program.
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    let (code, _, stderr) = finished(child);
    assert_eq!((code, rest.as_str()), (130, ""));
    assert!(stderr.contains("answers given: 1"), "{stderr}");
    assert!(
        fs::read_to_string(&report)
            .unwrap()
            .trim_end()
            .ends_with("</html>")
    );
    drop(stdin);
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    for format in ["text", "json", "jsonl", "csv"] {
        let mut child = classify([&clip])
            .args(["--format", format, "-q"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let (code, _, stderr) = finished(child);
        assert_eq!((code, stderr.as_str()), (0, ""), "{format}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_filter_quietly() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    let mut child = classify(["-", "--format", "jsonl", "-q"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    writeln!(stdin, "{}", clip.display()).unwrap();
    stdout.read_line(&mut String::new()).unwrap();
    drop(stdout);
    // Standard input stays open: it ends at the next answer, which nobody reads.
    writeln!(stdin, "{}", clip.display()).unwrap();
    let status = child.wait().unwrap();
    let mut stderr = String::new();
    let mut pipe = child.stderr.take().unwrap();
    pipe.read_to_string(&mut stderr).unwrap();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}

/// Every file that can be asked for, under a name that is free.
const FILES: [(&str, &str); 5] = [
    ("--report", "r.html"),
    ("--sheet", "s.png"),
    ("--features", "f.npy"),
    ("--features", "f.safetensors"),
    ("--scores", "s.csv"),
];

#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_and_leaves_nothing_behind() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 4);
    let before = names(folder.path());
    for (flag, name) in FILES {
        // No file may grow beyond a block, as on a disk without room; scores of six classes need less.
        let script = match name {
            "s.csv" => "trap '' XFSZ; ulimit -f 0; exec \"$@\"",
            _ => "trap '' XFSZ; ulimit -f 1; exec \"$@\"",
        };
        let eco = classify([&clip]);
        let mut command = Command::new("sh");
        command
            .args(["-c", script, "sh"])
            .arg(eco.get_program())
            .args(eco.get_args());
        let (code, stdout, stderr) = output(command.arg(flag).arg(folder.path().join(name)));
        assert_eq!(code, 1, "{stderr}");
        assert!(
            stderr.contains("cannot write") && stderr.contains(name),
            "{stderr}"
        );
        assert!(
            stdout.contains('%'),
            "the answer is given all the same: {stdout}"
        );
        assert_eq!(names(folder.path()), before, "{name}");
    }
}

/// A device on which every write fails for want of room.
#[cfg(target_os = "linux")]
const FULL: &str = "/dev/full";

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_an_error_for_files_and_for_answers() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 4);
    for (flag, name) in FILES {
        let link = folder.path().join(name);
        std::os::unix::fs::symlink(FULL, &link).unwrap();
        let (code, _, stderr) = output(classify([&clip]).arg(flag).arg(&link));
        assert_eq!(code, 1, "{flag}: {stderr}");
        assert!(stderr.contains("No space left"), "{flag}: {stderr}");
    }
    for format in ["text", "json", "jsonl", "csv"] {
        let full = fs::OpenOptions::new().write(true).open(FULL).unwrap();
        let mut child = classify([&clip])
            .args(["--format", format])
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = String::new();
        let mut pipe = child.stderr.take().unwrap();
        pipe.read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{format}: {stderr}");
        assert!(stderr.contains("No space left"), "{format}: {stderr}");
    }
}

#[test]
fn frames_that_vanish_while_a_clip_is_read_end_it_with_an_error() {
    let folder = folder();
    let long = clip(folder.path(), "long", 1);
    for number in 2..=500 {
        fs::hard_link(
            long.join("img_1.png"),
            long.join(format!("img_{number}.png")),
        )
        .unwrap();
    }
    // The directory is listed once; its windows are decoded one after another.
    let windows = ["--window", "4", "--stride", "1", "--format", "jsonl", "-q"];
    let mut child = classify([&long])
        .args(windows)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    stdout.read_line(&mut text).unwrap();
    fs::remove_dir_all(&long).unwrap();
    stdout.read_to_string(&mut text).unwrap();
    let (code, _, stderr) = finished(child);
    let rows = lines(&text);
    let (last, answers) = rows.split_last().unwrap();
    assert!(
        answers.iter().all(|row| row["error"].is_null()),
        "what was read counts"
    );
    let error = last["error"].as_str().unwrap();
    assert!(
        error.contains("img_") && error.contains("is gone now"),
        "{error}"
    );
    assert_eq!(code, 1, "{stderr}");
}

/// Runs `command` as somebody who may not read everything; `false`, which is said, where that cannot be.
#[cfg(unix)]
fn as_common_user(command: &mut Command, forbidden: &Path) -> bool {
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    if fs::read_dir(forbidden).is_err() {
        return true;
    }
    let mut version = Command::new(env!("CARGO_BIN_EXE_eco"));
    let version = version.arg("--version").uid(NOBODY).gid(NOBODY).output();
    let works = version.is_ok_and(|output| output.status.success());
    if works {
        command.uid(NOBODY).gid(NOBODY);
    } else {
        tools::say_skipped(
            "classifying without permission",
            "root may read everything, and nobody may not run eco here",
        );
    }
    works
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_a_row_that_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let allow = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    allow(folder.path(), 0o755);
    let good = clip(folder.path(), "good", 2);
    let closed = clip(folder.path(), "closed", 2);
    let frame = clip(folder.path(), "frame", 1);
    let video = folder.path().join("video.mp4");
    fs::write(&video, "no video").unwrap();
    allow(&closed, 0o000);
    allow(&frame.join("img_1.png"), 0o000);
    allow(&video, 0o000);
    let mut command = classify([&closed, &frame, &video, &good]);
    command.args(["--format", "jsonl"]);
    if as_common_user(&mut command, &closed) {
        let (code, stdout, stderr) = output(&mut command);
        assert_eq!(code, 1, "{stderr}");
        let rows = lines(&stdout);
        for (row, name) in rows.iter().zip(["closed", "img_1.png", "video.mp4"]) {
            let error = row["error"].as_str().unwrap();
            assert!(
                error.contains("no permission to read") && error.contains(name),
                "{error}"
            );
        }
        assert!(rows[3]["error"].is_null(), "{}", rows[3]);

        let page = folder.path().join("r.html");
        let (code, stdout, stderr) = output(command.arg("--report").arg(page));
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        assert!(stderr.contains("cannot create"), "{stderr}");
    }
    allow(&closed, 0o755);
}

#[test]
fn logits_that_are_not_numbers_are_reported_and_not_sorted() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 4);
    let net = network::from_demo(4, Device::Cpu).unwrap();
    let tensors: Vec<(String, tch::Tensor)> = state_dict(&net)
        .into_iter()
        .map(|entry| match entry.name.as_str() {
            "fc_final.bias" => {
                let spoilt = entry.tensor.copy();
                let _ = spoilt.get(1).fill_(f64::NAN);
                (entry.name, spoilt)
            }
            _ => (entry.name, entry.tensor),
        })
        .collect();
    let weights = folder.path().join("nan.safetensors");
    tch::Tensor::write_safetensors(&tensors, &weights).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command.args(["classify", "--segments", "4", "--format", "jsonl"]);
    command.arg(&clip).arg("--weights").arg(&weights);
    let page = folder.path().join("r.html");
    let (code, stdout, stderr) = output(command.arg("--report").arg(&page));
    assert_eq!(code, 1, "{stderr}");
    let row = &lines(&stdout)[0];
    let error = row["error"].as_str().unwrap();
    assert!(error.contains("NaN"), "{error}");
    assert!(row["top"].is_null(), "{row}");
    assert!(stderr.contains("NaN"), "{stderr}");
    assert!(fs::read_to_string(&page).unwrap().contains("NaN"));
}

#[test]
fn outputs_that_cannot_be_written_are_known_before_the_work() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    for (flag, file) in [("--report", "none/r.html"), ("--scores", "none/s.csv")] {
        let (code, stdout, stderr) =
            output(classify([&clip]).arg(flag).arg(folder.path().join(file)));
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        assert!(stderr.contains("cannot create"), "{stderr}");
    }
}

#[test]
fn labels_can_be_replaced() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    let labels = folder.path().join("labels.txt");
    let (code, stdout, _) = output(classify([&clip]).args(["--format", "jsonl", "-k", "99"]));
    assert_eq!(code, 0);
    let classes = lines(&stdout)[0]["top"].as_array().unwrap().len();
    let names: Vec<String> = (0..classes)
        .map(|index| format!("name {index}\n"))
        .collect();
    fs::write(&labels, names.concat()).unwrap();
    let mut command = classify([&clip]);
    let (_, stdout, stderr) = output(command.args(["--format", "jsonl", "--labels"]).arg(&labels));
    let class = &lines(&stdout)[0]["top"][0];
    assert_eq!(
        class["label"],
        format!("name {}", class["index"]),
        "{stderr}"
    );
    let (code, _, stderr) = output(classify([&clip]).args(["--labels", "kinetics400"]));
    assert_eq!(code, 1);
    assert!(stderr.contains("400"), "{stderr}");
}

#[test]
fn completions_and_man_pages_know_every_flag() {
    let folder = folder();
    let eco = |args: &[&OsStr]| output(Command::new(env!("CARGO_BIN_EXE_eco")).args(args));
    let (code, stdout, _) = eco(&["completions".as_ref(), "bash".as_ref()]);
    assert_eq!(code, 0);
    assert!(stdout.contains("--min-score") && stdout.contains("load-weights"));
    let (code, ..) = eco(&["man".as_ref(), folder.path().as_os_str()]);
    assert_eq!(code, 0);
    let page = fs::read_to_string(folder.path().join("eco-classify.1")).unwrap();
    assert!(page.contains("min\\-score"), "{page}");
}

/// Makes a video of so many frames with ffmpeg; `None` where it is not installed.
fn video(folder: &Path, name: &str, frames: &str) -> Option<PathBuf> {
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

#[test]
fn a_video_without_frames_is_a_row_that_says_so() {
    let folder = folder();
    let Some(none) = video(folder.path(), "none.mkv", "0") else {
        return;
    };
    let clip = clip(folder.path(), "a", 1);
    let (code, stdout, stderr) = output(classify([&none, &clip]).args(["--format", "jsonl"]));
    assert_eq!(code, 1, "{stderr}");
    let rows = lines(&stdout);
    let error = rows[0]["error"].as_str().unwrap();
    assert!(error.contains("none.mkv has no frames"), "{error}");
    assert!(rows[1]["error"].is_null());
}

#[test]
fn videos_answer_window_by_window_with_their_times() {
    let folder = folder();
    let Some(video) = video(folder.path(), "two seconds.mp4", "20") else {
        return;
    };
    let broken = folder.path().join("broken.mp4");
    fs::write(&broken, &fs::read(&video).unwrap()[..200]).unwrap();
    let mut command = classify([&broken, &video]);
    command.args(["--window", "1s", "--format", "csv", "-k", "1"]);
    let (code, stdout, stderr) = output(&mut command);
    assert_eq!(code, 1, "{stderr}");
    let mut reader = csv::Reader::from_reader(stdout.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let cells = |row: usize| rows[row].iter().skip(1).take(4).collect::<Vec<_>>();
    assert_eq!(rows.len(), 3);
    assert!(
        rows[0].iter().next_back().unwrap().contains("broken.mp4"),
        "{stdout}"
    );
    assert_eq!(cells(1), ["0", "10", "0", "1"]);
    assert_eq!(cells(2), ["10", "20", "1", "2"]);
}
