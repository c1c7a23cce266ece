//! `eco classify` as a whole, with the demo weights on small clips.

mod driver;
mod tools;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use driver::{classify, clip, folder, lines, names, output, video};
use serde_json::Value;

#[test]
fn any_number_of_threads_ends_and_gives_the_same_rows() {
    let folder = folder();
    for name in ["a", "b", "c", "d"] {
        clip(folder.path(), name, 9);
    }
    let rows = |threads: &str| {
        let mut command = classify([folder.path()]);
        let (code, rows, stderr) =
            output(command.args(["--threads", threads, "--no-timings", "--format", "jsonl"]));
        assert_eq!(code, 0, "{stderr}");
        rows
    };
    let one = rows("1");
    assert_eq!(lines(&one).len(), 4);
    assert_eq!(one, rows("2"));
    assert_eq!(one, rows("5"));
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
fn windows_that_share_frames_have_the_answers_of_parts_bit_for_bit() {
    let folder = folder();
    let long = clip(folder.path(), "long", 20);
    let rows_of = |args: &[&str]| {
        let more = ["--crops", "3", "--format", "jsonl", "--logits"];
        let (code, stdout, stderr) = output(classify([&long]).args(args).args(more));
        assert_eq!(code, 0, "{stderr}");
        lines(&stdout)
    };
    for batch in ["1", "5"] {
        let windows = rows_of(&["--window", "8", "--stride", "2", "--batch", batch]);
        assert_eq!(windows.len(), 7);
        for (place, window) in windows.iter().enumerate() {
            let [from, to] = [2 * place, 2 * place + 8].map(|frame| frame.to_string());
            let part = &rows_of(&["--from", &from, "--to", &to])[0];
            assert_eq!(window["frames"], part["frames"]);
            assert_eq!(window["logits"], part["logits"], "window {place}");
        }
    }
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
        // A best score may be rounded to 1, which is not below the limit.
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
        (&[clip, "--sheet", "s.gif"], "should end in .png"),
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
    assert_eq!(code, 2);
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
