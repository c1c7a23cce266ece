//! `eco classify` on tar archives of clips.

mod driver;
mod tools;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use driver::{classify, clip, finished, folder, lines, names, output, piped, video};
use serde_json::{Value, json};

/// Writes an archive of these files, each with its name in it.
fn archive(path: &Path, members: &[(&str, PathBuf)]) {
    let mut builder = tar::Builder::new(fs::File::create(path).unwrap());
    for (name, file) in members {
        builder.append_path_with_name(file, name).unwrap();
    }
    builder.finish().unwrap();
}

/// The frames of a clip as members: `NAME.1.png` or `NAME/1.png`.
fn frames(folder: &Path, separator: &str, count: u32) -> Vec<(String, PathBuf)> {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let frame = |number| {
        let file = folder.join(format!("img_{number}.png"));
        (format!("{name}{separator}{number}.png"), file)
    };
    (1..=count).map(frame).collect()
}

fn borrowed(members: &[(String, PathBuf)]) -> Vec<(&str, PathBuf)> {
    let borrow = |(name, file): &(String, PathBuf)| -> (&'static str, PathBuf) {
        (String::leak(name.clone()), file.clone())
    };
    members.iter().map(borrow).collect()
}

/// Rows without what differs between a directory and an archive.
fn answers(text: &str) -> Vec<Value> {
    let mut rows = lines(text);
    for row in &mut rows {
        let row = row.as_object_mut().unwrap();
        for field in ["clip", "frame_names", "line", "id", "timings"] {
            row.remove(field);
        }
    }
    rows
}

/// Answers with what is on standard input.
fn answered(args: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut command = classify(["-", "--format", "jsonl"]);
    let (child, mut stdin, mut stdout) = piped(command.args(args));
    let input = input.to_vec();
    // A reader that has gone is what some tests are about.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    writer.join().unwrap();
    let (code, _, stderr) = finished(child);
    (code, text, stderr)
}

/// A folder with the clips `a` and `b`, and an archive of them: `a` as frames of a key, `b` as a folder of frames.
fn two_clips() -> (tempfile::TempDir, PathBuf) {
    let folder = folder();
    let (a, b) = (clip(folder.path(), "a", 4), clip(folder.path(), "b", 5));
    let path = folder.path().join("clips.tar");
    let mut members = frames(&a, ".", 4);
    members.push(("a.json".to_owned(), a.join("img_1.png")));
    members.extend(frames(&b, "/", 5));
    archive(&path, &borrowed(&members));
    (folder, path)
}

#[test]
fn an_archive_of_frames_is_answered_as_the_directories_are() {
    let (folder, path) = two_clips();
    let run = |args: &[&Path]| {
        let mut command = classify(["--format", "jsonl", "-q"]);
        let (code, stdout, stderr) = output(command.args(args));
        assert_eq!(code, 0, "{stderr}");
        stdout
    };
    let of_folders = run(&[&folder.path().join("a"), &folder.path().join("b")]);
    let of_archive = run(&[&path]);
    assert_eq!(answers(&of_archive), answers(&of_folders));
    let clips: Vec<Value> = lines(&of_archive)
        .iter()
        .map(|row| row["clip"].clone())
        .collect();
    let name = |name: &str| json!(path.join(name).to_str().unwrap());
    assert_eq!(clips, [name("a"), name("b")]);
    assert_eq!(lines(&of_archive)[0]["frame_names"][0], "a.1.png");
    // What rows say can be given again.
    let again = run(&[&path.join("b"), &path.join("a")]);
    let mut expected = answers(&of_folders);
    expected.reverse();
    assert_eq!(answers(&again), expected);
    // Nothing was unpacked.
    assert_eq!(names(folder.path()), ["a", "b", "clips.tar"]);
}

#[test]
fn videos_in_an_archive_are_answered_as_the_files_are() {
    let folder = folder();
    let Some(mp4) = video(folder.path(), "a.mp4", "30") else {
        return;
    };
    let Some(avi) = video(folder.path(), "b.avi", "12") else {
        return;
    };
    let path = folder.path().join("clips.tar");
    archive(
        &path,
        &[
            ("x/a.mp4", mp4.clone()),
            ("x/b.avi", avi.clone()),
            ("x/b.cls", avi.clone()),
        ],
    );
    for decoder in ["auto", "ffmpeg"] {
        let run = |args: &[&Path]| {
            let mut command = classify(["--format", "jsonl", "-q", "--decoder", decoder]);
            let (code, stdout, stderr) = output(command.args(args));
            assert_eq!(code, 0, "{stderr}{stdout}");
            answers(&stdout)
        };
        let of_files = run(&[&mp4, &avi]);
        assert_eq!(run(&[&path]), of_files);
        assert_eq!(run(&[&path.join("x/a.mp4"), &path.join("x/b")]), of_files);
        let bytes = fs::read(&path).unwrap();
        let (code, stdout, stderr) = answered(&["--tar", "-q", "--decoder", decoder], &bytes);
        assert_eq!((code, &*stderr), (0, ""), "{stdout}");
        assert_eq!(answers(&stdout), of_files);
        assert_eq!(lines(&stdout)[0]["clip"], "-/x/a.mp4");
    }
}

#[test]
fn standard_input_may_be_an_archive() {
    let (folder, path) = two_clips();
    let bytes = fs::read(&path).unwrap();
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut command = classify(["-", "--tar", "--format", "jsonl", "-q"]);
    command.env("TMPDIR", &temporary);
    let (child, mut stdin, mut stdout) = piped(&mut command);
    stdin.write_all(&bytes).unwrap();
    drop(stdin);
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    let (code, _, stderr) = finished(child);
    assert_eq!(code, 0, "{stderr}");
    let clips: Vec<Value> = lines(&text).iter().map(|row| row["clip"].clone()).collect();
    assert_eq!(clips, ["-/a", "-/b"]);
    assert_eq!(names(&temporary), Vec::<String>::new());
    let (_, of_file, _) = output(classify(["--format", "jsonl", "-q"]).arg(&path));
    assert_eq!(answers(&text), answers(&of_file));
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_is_killed_leaves_no_temporary_files() {
    let (folder, path) = two_clips();
    let bytes = fs::read(&path).unwrap();
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    for signal in ["-TERM", "-KILL"] {
        let mut command = classify(["-", "--tar", "--format", "jsonl", "-q"]);
        command.env("TMPDIR", &temporary);
        let (mut child, mut stdin, mut stdout) = piped(&mut command);
        // The end of `b` has not come.
        stdin.write_all(&bytes[..bytes.len() - 2048]).unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
        assert!(lines(&line)[0].get("top").is_some(), "{line}");
        let pid = child.id().to_string();
        std::process::Command::new("kill")
            .args([signal, &pid])
            .status()
            .unwrap();
        drop(stdin);
        child.wait().unwrap();
        assert_eq!(names(&temporary), Vec::<String>::new(), "{signal}");
    }
}

#[test]
fn an_archive_in_the_place_of_a_list_is_one_error_with_the_flag_that_helps() {
    let (_folder, path) = two_clips();
    let (code, stdout, _) = answered(&["-q"], &fs::read(&path).unwrap());
    let rows = lines(&stdout);
    assert_eq!((code, rows.len()), (1, 1), "{stdout}");
    assert!(
        rows[0]["error"].as_str().unwrap().contains("--tar"),
        "{stdout}"
    );
    let (code, _, stderr) = output(&mut classify(["a.tar", "--tar"]));
    assert_eq!(code, 2, "{stderr}");
}

#[test]
fn lines_name_archives_and_clips_in_them_and_ids_go_through() {
    let (folder, path) = two_clips();
    let shown = path.display();
    let input =
        format!("{shown}\tshard\n{{\"clip\": \"{shown}/b\", \"id\": 7}}\n{shown}/c\tnone\n");
    let (code, stdout, stderr) = answered(&["-q"], input.as_bytes());
    assert_eq!(code, 1, "{stderr}");
    let rows = lines(&stdout);
    let field = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(
        field("id"),
        [json!("shard"), json!("shard"), json!(7), json!("none")]
    );
    assert_eq!(field("line"), [1, 1, 2, 3]);
    let has_error = |row: &Value| row.get("error").is_some();
    assert_eq!(
        rows.iter().map(has_error).collect::<Vec<_>>(),
        [false, false, false, true]
    );
    // Relative to the list, and with labels.
    let list = folder.path().join("list.txt");
    fs::write(&list, "clips.tar/a 3\nclips.tar/b 4\n").unwrap();
    let (code, stdout, stderr) = output(classify(["--format", "jsonl", "--list"]).arg(&list));
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(lines(&stdout).len(), 2);
}

#[test]
fn shards_and_outputs_are_of_the_clips_of_archives() {
    let (folder, path) = two_clips();
    let rows = folder.path().join("1.jsonl");
    let mut command = classify([
        "--format",
        "jsonl",
        "--shard",
        "1/2",
        "--skip-done",
        "--output",
    ]);
    command.arg(&rows).args([&path, &path]);
    let (code, _, stderr) = output(&mut command);
    assert_eq!(code, 0, "{stderr}");
    let first = fs::read_to_string(&rows).unwrap();
    let clips: Vec<Value> = lines(&first)
        .iter()
        .map(|row| row["clip"].clone())
        .collect();
    let name = json!(path.join("b").to_str().unwrap());
    assert_eq!(clips, [name.clone(), name]);
    let (code, _, stderr) = output(&mut command);
    assert!(code == 0 && stderr.contains("is there already"), "{stderr}");
}

#[test]
fn an_archive_that_is_cut_off_gives_its_whole_clips_one_error_and_goes_on() {
    let (folder, path) = two_clips();
    let bytes = fs::read(&path).unwrap();
    let cut = folder.path().join("cut.tar");
    // The last frame has one of its bytes, and the two blocks that mark the end are missing.
    let last = fs::metadata(folder.path().join("b/img_5.png"))
        .unwrap()
        .len() as usize;
    let end = bytes.len() - 1024 - last.next_multiple_of(512) + 1;
    fs::write(&cut, &bytes[..end]).unwrap();
    for (when, expected) in [("any", 1), ("never", 0)] {
        let mut command = classify(["--format", "jsonl", "-q", "--fail-when", when]);
        let (code, stdout, stderr) = output(command.args([&cut, &path]));
        assert_eq!(code, expected, "{stderr}");
        let rows = lines(&stdout);
        assert_eq!(rows.len(), 4, "{stdout}");
        assert_eq!(rows[0]["clip"], cut.join("a").to_str().unwrap());
        assert_eq!(rows[1]["clip"], cut.to_str().unwrap());
        let error = rows[1]["error"].as_str().unwrap();
        assert!(error.contains("cut off within b/5.png"), "{error}");
        assert!(error.contains("the clip b is not whole"), "{error}");
        assert!(rows[2].get("top").is_some() && rows[3].get("top").is_some());
    }
    let (code, stdout, _) = answered(&["--tar", "-q"], &fs::read(&cut).unwrap());
    assert_eq!((code, lines(&stdout).len()), (1, 2), "{stdout}");
    let error = lines(&stdout)[1]["error"].as_str().unwrap().to_owned();
    assert!(
        error.starts_with("the archive on standard input: it is cut off"),
        "{error}"
    );
}

#[test]
fn what_is_no_archive_is_an_error_row() {
    let (folder, path) = two_clips();
    let (empty, text, zipped) = ("empty.tar", "text.tar", "clips.tar.gz");
    fs::write(folder.path().join(empty), "").unwrap();
    fs::write(folder.path().join(text), "no archive").unwrap();
    fs::write(
        folder.path().join(zipped),
        [&b"\x1f\x8b\x08"[..], &[0; 900]].concat(),
    )
    .unwrap();
    for (name, words) in [
        (empty, "is empty"),
        (text, "no tar archive"),
        (zipped, "gzip -dc"),
    ] {
        let mut command = classify(["--format", "jsonl", "-q"]);
        let (code, stdout, _) = output(command.arg(folder.path().join(name)).arg(&path));
        let rows = lines(&stdout);
        assert_eq!((code, rows.len()), (1, 3), "{stdout}");
        let error = rows[0]["error"].as_str().unwrap();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn an_archive_that_changes_while_it_is_read_gives_errors_and_no_wrong_answer() {
    let (_folder, path) = two_clips();
    let mut command = classify(["-", "--format", "jsonl", "-q"]);
    let (child, mut stdin, mut stdout) = piped(&mut command);
    // The archive is listed when its line comes, and its clips are found then; a clip that is named is looked up anew.
    writeln!(stdin, "{}/a", path.display()).unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    assert!(lines(&line)[0].get("top").is_some(), "{line}");
    fs::write(&path, [7; 9000]).unwrap();
    writeln!(stdin, "{}/a", path.display()).unwrap();
    drop(stdin);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(lines(&rest)[0].get("error").is_some(), "{rest}");
    assert_eq!(finished(child).0, 1);
}
