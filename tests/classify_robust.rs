//! `eco classify` on clips that are damaged, closed, gone, odd or without an answer.

mod driver;
mod tools;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use driver::{classify, clip, finished, folder, lines, output, video};
use eco::recipe::Sampling;
use eco::weights::{Metadata, Weights, write};

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
        assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
        assert!(stderr.contains("cannot create"), "{stderr}");
    }
    allow(&closed, 0o755);
}

/// Writes the demo's network as a file of weights that says nothing of itself, the tensor `name` changed.
fn weights_file(path: &Path, name: &str, change: impl Fn(&mut Vec<u8>)) {
    described_weights(path, &BTreeMap::new(), name, change);
}

/// The same with metadata.
fn described_weights(
    path: &Path,
    metadata: &BTreeMap<String, String>,
    name: &str,
    change: impl Fn(&mut Vec<u8>),
) {
    let demo = Weights::demo().unwrap();
    let tensors = demo.specs().iter().map(|spec| {
        let mut tensor = demo.tensor(&spec.name).unwrap();
        if spec.name == name {
            change(tensor.data.to_mut());
        }
        (spec.name.clone(), tensor)
    });
    write(path, &tensors.collect::<Vec<_>>(), metadata).unwrap();
}

#[test]
fn logits_that_are_not_numbers_are_reported_and_not_sorted() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 4);
    let weights = folder.path().join("nan.safetensors");
    weights_file(&weights, "fc_final.bias", |bytes| {
        bytes[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
    });
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
fn how_clips_are_looked_at_is_the_weights_choice_and_what_is_assumed_is_said() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 37);
    let [silent, caffe] =
        ["silent", "caffe"].map(|name| folder.path().join(format!("{name}.safetensors")));
    weights_file(&silent, "", |_| {});
    let metadata = Metadata {
        sampling: Some(Sampling::Caffe),
        classes: Some(6),
        ..Metadata::default()
    };
    described_weights(&caffe, &metadata.to_map(), "", |_| {});
    let classified = |weights: &Path, args: &[&str]| {
        let mut eco = Command::new(env!("CARGO_BIN_EXE_eco"));
        eco.args(["classify", "--segments", "4", "--format", "jsonl"]);
        let (code, stdout, stderr) =
            output(eco.args(args).arg(&clip).arg("--weights").arg(weights));
        assert_eq!(code, 0, "{stderr}");
        (lines(&stdout)[0]["frames"].clone(), stderr)
    };
    let frames = |sampling: Sampling| serde_json::json!(sampling.indices(37, 4));
    let (found, stderr) = classified(&silent, &["--preprocess", "book"]);
    assert_eq!(found, frames(Sampling::Official));
    assert!(
        stderr.contains("preprocess book, sampling official (assumed), segments 4, labels none"),
        "{stderr}"
    );
    let (found, stderr) = classified(&caffe, &[]);
    assert_eq!(found, frames(Sampling::Caffe));
    assert!(stderr.contains("sampling caffe, "), "{stderr}");
    let (found, stderr) = classified(&caffe, &["--sampling", "official", "-q"]);
    assert_eq!((found, stderr.as_str()), (frames(Sampling::Official), ""));
}

#[cfg(unix)]
#[test]
fn weights_whose_path_is_not_utf8_are_used() {
    use std::os::unix::ffi::OsStringExt;
    let folder = folder();
    let clip = clip(folder.path(), "a", 4);
    let name = std::ffi::OsString::from_vec(b"caf\xe9.safetensors".to_vec());
    let weights = folder.path().join(name);
    weights_file(&weights, "", |_| {});
    let eco = |command: &[&str]| {
        let mut eco = Command::new(env!("CARGO_BIN_EXE_eco"));
        eco.args(command).env_remove("ECO_WEIGHTS");
        eco
    };
    let mut named = eco(&["classify", "--segments", "4", "--weights"]);
    let mut found = eco(&["classify", "--segments", "4"]);
    let mut summary = eco(&["summary", "--format", "json", "--weights"]);
    for command in [
        named.arg(&weights).arg(&clip),
        found.arg(&clip).env("ECO_WEIGHTS", &weights),
        summary.arg(&weights),
    ] {
        let (code, _, stderr) = output(command);
        assert_eq!(code, 0, "{command:?}: {stderr}");
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
