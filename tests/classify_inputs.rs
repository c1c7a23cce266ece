//! `eco classify` on directories, lists and streams as people have them.

mod driver;
mod tools;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use driver::{classify, clip, finished, folder, lines, output};

/// Writes `count` copies of a small frame under names with numbers.
fn frames(folder: &Path, pattern: &str, count: usize) {
    let frame = clip(folder, "frame", 1).join("img_1.png");
    for number in 1..=count {
        let name = pattern.replace('#', &format!("{number:05}"));
        fs::copy(&frame, folder.join(name)).unwrap();
    }
    fs::remove_dir_all(folder.join("frame")).unwrap();
}

#[test]
fn one_series_of_images_is_the_clip_and_the_rest_is_said() {
    let folder = folder();
    let make = |name: &str, patterns: &[(&str, usize)]| {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        for (pattern, count) in patterns {
            frames(&path, pattern, *count);
        }
        path
    };
    let tsn = [
        ("img_#.png", 6),
        ("flow_x_#.png", 5),
        ("flow_y_#.png", 5),
        ("cover.png", 1),
    ];
    let clips = [
        make("tsn", &tsn),
        make("cameras", &[("cam1_#.png", 4), ("cam2_#.png", 4)]),
    ];
    let (code, stdout, stderr) = output(classify(&clips).args(["--format", "jsonl"]));
    assert_eq!(code, 1, "{stderr}");
    let rows = lines(&stdout);
    assert_eq!(rows[0]["source_frames"], 6);
    assert!(
        stderr.contains(
            "img_*.png (6 files) taken, flow_x_*.png (5 files), flow_y_*.png (5 files), cover.png left out"
        ),
        "{stderr}"
    );
    let error = rows[1]["error"].as_str().unwrap();
    assert!(
        error.contains("cam1_*.png (4 files), cam2_*.png (4 files)") && error.contains("--frames"),
        "{error}"
    );
    let chosen = ["--frames", "*2_*", "--format", "jsonl", "-q"];
    let (code, stdout, stderr) = output(classify(&clips[1..]).args(chosen));
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(lines(&stdout)[0]["frame_names"][0], "cam2_00001.png");
}

#[test]
fn trees_of_classes_are_walked_and_what_is_left_out_is_counted() {
    let folder = folder();
    let root = folder.path().join("data");
    for name in ["train/jump/a", "val/run/b", "__MACOSX/c"] {
        clip(&root, name, 2);
    }
    fs::write(root.join("labels.csv"), "jump\nrun\n").unwrap();
    let deep = root.join("val/run/deep");
    fs::create_dir(&deep).unwrap();
    let grey = |x: u32, _: u32| image::Luma([x as u16 * 500]);
    let grey = image::ImageBuffer::<image::Luma<u16>, Vec<u16>>::from_fn(80, 60, grey);
    for number in 0..8 {
        grey.save(deep.join(format!("{number}.png"))).unwrap();
    }
    let windows = ["--window", "4", "--format", "jsonl"];
    let (code, stdout, stderr) = output(classify([&root]).args(windows));
    assert_eq!(code, 0, "{stderr}");
    let clips: Vec<String> = lines(&stdout)
        .iter()
        .map(|row| {
            let clip = row["clip"].as_str().unwrap();
            clip.strip_prefix(root.to_str().unwrap())
                .unwrap()
                .to_owned()
        })
        .collect();
    let deep = "/val/run/deep";
    assert_eq!(clips, ["/train/jump/a", "/val/run/b", deep, deep]);
    assert!(
        stderr.contains("left out: 1 file that is no clip (such as labels.csv)"),
        "{stderr}"
    );
    let said = stderr.matches("16-bit grey is clipped").count();
    assert_eq!(said, 1, "{stderr}");
}

#[test]
fn lists_in_no_form_and_inputs_without_clips_are_one_error() {
    let folder = folder();
    let list = folder.path().join("list.txt");
    let error = |text: &str| {
        fs::write(&list, text).unwrap();
        let (code, stdout, stderr) = output(classify(["--list"]).arg(&list));
        assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        stderr
    };
    assert!(error("# nothing\n").contains("names no clip"));
    assert!(error("a/b 5 1 3 4\nc/d 6 2 3\n").contains("line 1"));
    assert!(error("a/b 5 1\nc/d 6 2\n").contains("`path frames label`"));
    let (code, _, stderr) = output(&mut classify(["-", "-q"]));
    assert_eq!(code, 1);
    assert!(stderr.contains("the input names none"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn zero_bytes_separate_paths_on_standard_input() {
    let folder = folder();
    let odd = clip(folder.path(), "two\nlines 3 1", 1);
    let mut child = classify(["-0", "-", "--format", "jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut paths = odd.to_str().unwrap().as_bytes().to_vec();
    paths.push(0);
    child.stdin.take().unwrap().write_all(&paths).unwrap();
    let (code, stdout, _) = finished(child);
    assert_eq!((code, lines(&stdout).len()), (0, 1));
}

#[test]
fn times_are_read_as_players_show_them_and_need_a_frame_rate() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 40);
    let from = ["--from", "00:00:01", "--to", "1500ms", "--format", "jsonl"];
    let (code, _, stderr) = output(classify([&clip]).args(from));
    assert_eq!(code, 1);
    assert!(stderr.contains("--fps"), "{stderr}");
    let (code, stdout, stderr) = output(classify([&clip]).args(from).args(["--fps", "20"]));
    assert_eq!(code, 0, "{stderr}");
    let row = &lines(&stdout)[0];
    assert_eq!(
        (&row["range"]["start_frame"], &row["range"]["end_frame"]),
        (&20.into(), &30.into()),
        "{row}"
    );
}
