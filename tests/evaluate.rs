//! `eco evaluate`: its measures against scikit-learn's, and what it does with clips, lists and files of predictions.

mod common;
mod driver;
mod tools;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use driver::{clip, folder, output};
use serde_json::Value;

/// Sums are taken in another order than NumPy's.
const ROUNDING: f64 = 1e-12;
/// scikit-learn's side of the calibration is in float64, its confidences are float32.
const FLOAT32: f64 = 1e-6;

/// What `scripts/evaluation_reference.py` makes.
fn cases() -> PathBuf {
    common::made_once("evaluation_reference.py", "cases", |folder| {
        common::script("evaluation_reference.py", [OsStr::new(folder)]);
    })
}

fn evaluate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command.arg("evaluate").env_remove("ECO_WEIGHTS");
    command
}

/// Evaluates with the demo weights and few segments, which is quick.
fn quick() -> Command {
    let mut command = evaluate();
    command.args(["--weights", "demo", "--segments", "4", "--device", "cpu"]);
    command
}

fn json(command: &mut Command) -> Value {
    let (code, stdout, stderr) = output(command.args(["--format", "json"]));
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// Clips of six frames in a directory per class.
fn data_set(folder: &Path) {
    for (class, name) in [
        ("moving_left", "a"),
        ("Moving Left", "b"),
        ("growing", "c"),
        ("growing", "d"),
    ] {
        clip(&folder.join(class), name, 6);
    }
}

#[test]
fn all_measures_are_scikit_learns() {
    let references = cases();
    let read = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(references.join(name)).unwrap()).unwrap()
    };
    for name in [
        "plain",
        "ties",
        "all_equal",
        "two_classes",
        "one_class",
        "few_samples",
        "missing_classes",
    ] {
        let expected = read(&format!("{name}.json"));
        let k = expected["k"].as_u64().unwrap();
        let found = json(
            evaluate()
                .arg("--from")
                .arg(references.join(format!("{name}.jsonl")))
                .args(["--topk", if name == "all_equal" { "3" } else { "5" }])
                .args(["--min-score", "0.25"]),
        );
        let close = |found: &Value, expected: &Value, what: &str, tolerance: f64| {
            let [found, expected] = [found, expected].map(|value| value.as_f64());
            let same = match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() <= tolerance,
                (None, None) => true,
                _ => false,
            };
            assert!(same, "{name}, {what}: {found:?}, not {expected:?}");
        };
        let tops = found["top"].as_array().unwrap();
        close(&tops[0]["share"], &expected["top_1"], "top-1", ROUNDING);
        let last = tops.last().unwrap();
        assert_eq!(last["k"].as_u64().unwrap(), k, "{name}");
        close(&last["share"], &expected["top_k"], "top-k", ROUNDING);
        let mean = &found["mean_class_accuracy"]["mean"];
        close(mean, &expected["mean_class_accuracy"], "mean", ROUNDING);
        for measure in ["precision", "recall", "f1", "support"] {
            let classes = found["classes"].as_array().unwrap();
            for (class, expected) in classes.iter().zip(expected[measure].as_array().unwrap()) {
                close(&class[measure], expected, measure, ROUNDING);
            }
        }
        assert_eq!(found["confusion"], expected["confusion"], "{name}");
        close(
            &found["calibration"]["ece"],
            &expected["ece"],
            "ece",
            FLOAT32,
        );
        let confident = &found["confident"];
        for (part, measure) in [("coverage", "coverage"), ("accuracy", "confident_accuracy")] {
            close(
                &confident[part]["share"],
                &expected[measure],
                measure,
                ROUNDING,
            );
        }
    }
}

#[test]
fn ten_thousand_predictions_of_400_classes_take_less_than_a_second() {
    let many = cases().join("many.jsonl");
    // A debug build computes as much, but slowly.
    let limit = if cfg!(debug_assertions) { 10.0 } else { 1.0 };
    let mut best = f64::INFINITY;
    // Other work on the machine only adds to the time.
    for _ in 0..10 {
        let started = Instant::now();
        let (code, stdout, stderr) = output(
            evaluate()
                .arg("--from")
                .arg(&many)
                .args(["--format", "json"]),
        );
        assert_eq!(code, 0, "{stderr}");
        assert!(stdout.len() > 160_000, "with the confusion matrix");
        best = best.min(started.elapsed().as_secs_f64());
        if best < limit {
            return;
        }
    }
    panic!("{best} s");
}

#[test]
fn classes_come_from_directories_in_any_spelling() {
    let folder = folder();
    data_set(&folder.path().join("val"));
    let found = json(quick().arg(folder.path()));
    assert_eq!(found["clips"]["answered"], 4);
    let support = |label: &str| {
        let classes = found["classes"].as_array().unwrap();
        let class = classes.iter().find(|class| class["label"] == label);
        class.unwrap()["support"].clone()
    };
    assert_eq!(support("moving left"), 2);
    assert_eq!(support("growing"), 2);
    assert_eq!(support("shrinking"), 0);
    assert_eq!(found["mean_class_accuracy"]["classes_without_clips"], 4);
}

#[test]
fn classes_come_from_lists_by_name_or_index() {
    let folder = folder();
    data_set(folder.path());
    let by_name = folder.path().join("names.csv");
    fs::write(
        &by_name,
        "path,label\ngrowing/c,growing\ngrowing/d,moving_left\n",
    )
    .unwrap();
    let by_index = folder.path().join("indices.txt");
    fs::write(&by_index, "growing/c 4\ngrowing/d 0\n").unwrap();
    let confusion = |list: &Path| json(quick().arg(list))["confusion"].clone();
    assert_eq!(confusion(&by_name), confusion(&by_index));
}

#[test]
fn what_no_label_says_is_an_error_or_counted() {
    let folder = folder();
    data_set(folder.path());
    clip(folder.path(), "lone", 6);
    let (code, _, stderr) = output(quick().arg(folder.path()));
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("nothing says what 1 of 5 clips show"),
        "{stderr}"
    );
    assert!(stderr.contains("lone"), "{stderr}");
    // A class of another network.
    clip(&folder.path().join("swimming"), "e", 6);
    let found = json(quick().arg(folder.path()).args(["--unlabelled", "skip"]));
    assert_eq!(found["clips"]["unlabelled"], 1);
    assert_eq!(found["clips"]["unknown_class"], 1);
    assert_eq!(found["clips"]["answered"], 4);
    let alone = folder.path().join("list.csv");
    fs::write(&alone, "path,label\nswimming/e,swimming\n").unwrap();
    let (code, stdout, stderr) = output(quick().arg(&alone).args(["--unlabelled", "skip"]));
    assert_eq!((code, &stdout[..]), (2, ""), "{stderr}");
    assert!(
        stderr.contains("no clip is of a class of the network"),
        "{stderr}"
    );
}

#[test]
fn labels_that_are_no_class_are_refused_before_the_network_runs() {
    let folder = folder();
    data_set(folder.path());
    for (label, expected) in [
        (
            "growin",
            "no class is called \"growin\"; the closest is \"growing\"",
        ),
        (
            "6",
            "class 6 is beyond the last one: the network has 6, counted from 0",
        ),
    ] {
        let list = folder.path().join("list.txt");
        fs::write(&list, format!("growing/c {label}\n")).unwrap();
        let (code, stdout, stderr) = output(quick().arg(&list));
        assert_eq!((code, &stdout[..]), (2, ""), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    }
}

#[test]
fn clips_that_fail_are_counted_apart_and_listed() {
    let folder = folder();
    data_set(folder.path());
    let list = folder.path().join("list.csv");
    fs::write(&list, "path,label\ngrowing/c,growing\nnowhere,growing\n").unwrap();
    let (code, stdout, stderr) = output(quick().arg(&list).args(["--format", "json"]));
    assert_eq!(code, 1);
    assert!(
        stderr.contains("1 of 2 clips failed; the first: nowhere"),
        "{stderr}"
    );
    let found: Value = serde_json::from_str(&stdout).unwrap();
    let text = output(quick().arg(&list)).1;
    assert!(
        text.contains("\nfailed\n  nowhere: nowhere does not exist"),
        "{text}"
    );
    assert_eq!(found["clips"]["failed"], 1);
    assert_eq!(found["top"][0]["of"], 1);
    assert!(
        found["failures"][0]["error"]
            .as_str()
            .unwrap()
            .contains("does not exist")
    );
}

#[test]
fn a_run_that_was_cut_off_goes_on_and_ends_the_same() {
    let folder = folder();
    let data = folder.path().join("data");
    data_set(&data);
    let path = folder.path().join("p.jsonl");
    let run = |path: &Path| {
        let mut found = json(quick().arg(&data).arg("--predictions").arg(path));
        found.as_object_mut().unwrap().remove("clips_per_second");
        found
    };
    let whole = run(&path);
    let bytes = fs::read(&path).unwrap();
    let third = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(2)
        .unwrap()
        .0;
    let cut = folder.path().join("cut.jsonl");
    fs::write(&cut, &bytes[..third + 20]).unwrap();
    assert_eq!(run(&cut), whole);
    assert_eq!(fs::read(&cut).unwrap(), bytes, "the same lines");
    assert_eq!(
        json(evaluate().arg("--from").arg(&cut))["confusion"],
        whole["confusion"]
    );
}

/// Ends a run in the middle, and returns its exit code where it has one.
#[cfg(unix)]
fn ended_early(data: &Path, predictions: &Path, signal: &str) -> Option<i32> {
    let mut command = quick();
    command.arg(data).arg("--predictions").arg(predictions);
    command.args(["--threads", "1", "--quiet"]);
    command.stdout(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let answered = || {
        let bytes = fs::read(predictions).unwrap_or_default();
        bytes.iter().filter(|&&byte| byte == b'\n').count()
    };
    while answered() < 4 {
        assert_eq!(
            child.try_wait().unwrap(),
            None,
            "it ended before it was stopped"
        );
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let pid = child.id().to_string();
    let kill = Command::new("kill").args([signal, &pid]).status();
    assert!(kill.unwrap().success());
    let code = child.wait().unwrap().code();
    assert!(answered() < CLIPS + 1, "nothing is left to be done");
    code
}

/// Clips of a run that is stopped: enough that it does not end before.
#[cfg(unix)]
const CLIPS: usize = 16;

#[cfg(unix)]
#[test]
fn a_run_that_a_signal_ended_goes_on_and_ends_the_same() {
    let folder = folder();
    let data = folder.path().join("data");
    for number in 0..CLIPS {
        let class = ["growing", "shrinking"][number % 2];
        clip(&data.join(class), format!("clip_{number}"), 6);
    }
    let run = |path: &Path| {
        let mut found = json(quick().arg(&data).arg("--predictions").arg(path));
        found.as_object_mut().unwrap().remove("clips_per_second");
        found
    };
    let whole_file = folder.path().join("whole.jsonl");
    let whole = run(&whole_file);
    let sorted = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    for (signal, code) in [("-TERM", Some(143)), ("-KILL", None)] {
        let path = folder.path().join(format!("p{signal}.jsonl"));
        assert_eq!(ended_early(&data, &path, signal), code, "{signal}");
        assert_eq!(run(&path), whole, "{signal}");
        assert_eq!(
            sorted(&path),
            sorted(&whole_file),
            "{signal}: each clip once"
        );
    }
}

#[test]
fn predictions_that_came_about_differently_are_not_gone_on_with() {
    let folder = folder();
    let data = folder.path().join("data");
    data_set(&data);
    let path = folder.path().join("p.jsonl");
    json(quick().arg(&data).arg("--predictions").arg(&path));
    let before = fs::read(&path).unwrap();
    let other = ["--preprocess", "book"];
    let (code, _, stderr) = output(
        quick()
            .arg(&data)
            .arg("--predictions")
            .arg(&path)
            .args(other),
    );
    assert_eq!(code, 1);
    assert!(
        stderr.contains("preprocessing official, not book"),
        "{stderr}"
    );
    let something_else = folder.path().join("notes.txt");
    fs::write(&something_else, "my notes\n").unwrap();
    let (_, _, stderr) = output(quick().arg(&data).arg("--predictions").arg(&something_else));
    assert!(stderr.contains("not a file of predictions"), "{stderr}");
    assert_eq!(fs::read_to_string(&something_else).unwrap(), "my notes\n");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn runs_are_fused_by_weight_and_refused_when_they_are_about_other_clips() {
    let folder = folder();
    let file = |name: &str, scores: &str, clip: &str| {
        let path = folder.path().join(name);
        let header = r#"{"eco_predictions":1,"settings":{},"labels":["a","b"]}"#;
        let line = format!(r#"{{"clip":"{clip}","truth":1,"scores":{scores}}}"#);
        fs::write(&path, format!("{header}\n{line}\n")).unwrap();
        path
    };
    let rgb = file("rgb.jsonl", "[0.6,0.4]", "x");
    let flow = file("flow.jsonl", "[0.45,0.55]", "x");
    let right = |weights: [&str; 2]| {
        let mut command = evaluate();
        command.arg("--from").arg(&rgb).arg("--from").arg(&flow);
        json(command.args(["--weight", weights[0], "--weight", weights[1]]))["top"][0]["count"]
            .clone()
    };
    assert_eq!(right(["1", "1"]), 0);
    assert_eq!(right(["1", "3"]), 1);
    let other = file("other.jsonl", "[0.45,0.55]", "y");
    let (code, _, stderr) = output(evaluate().arg("--from").arg(&rgb).arg("--from").arg(&other));
    assert_eq!(code, 2);
    assert!(stderr.contains("x is in one of the runs only"), "{stderr}");
}

#[test]
fn predictions_of_a_run_that_was_stopped_are_not_taken_for_all() {
    let folder = folder();
    let data = folder.path().join("data");
    data_set(&data);
    let path = folder.path().join("p.jsonl");
    json(quick().arg(&data).arg("--predictions").arg(&path));
    let whole = fs::read_to_string(&path).unwrap();
    let cut: Vec<&str> = whole.lines().take(3).collect();
    fs::write(&path, cut.join("\n") + "\n").unwrap();
    let (_, stdout, stderr) = output(
        evaluate()
            .arg("--from")
            .arg(&path)
            .args(["--format", "json"]),
    );
    assert!(stderr.contains("it has 2 of 4 clips"), "{stderr}");
    let found: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(found["complete"], false);
}

#[test]
fn a_clip_that_is_listed_twice_counts_once_and_never_as_two_classes() {
    let folder = folder();
    data_set(folder.path());
    let list = folder.path().join("list.csv");
    fs::write(&list, "path,label\ngrowing/c,growing\ngrowing/c,growing\n").unwrap();
    assert_eq!(json(quick().arg(&list))["clips"]["answered"], 1);
    fs::write(
        &list,
        "path,label\ngrowing/c,growing\ngrowing/c,shrinking\n",
    )
    .unwrap();
    let (code, _, stderr) = output(quick().arg(&list));
    assert_eq!(code, 2);
    assert!(
        stderr.contains("is listed twice, as \"growing\" and as \"shrinking\""),
        "{stderr}"
    );
}

#[test]
fn what_is_read_is_never_written() {
    let folder = folder();
    data_set(folder.path());
    let list = folder.path().join("list.csv");
    let text = "path,label\ngrowing/c,growing\n";
    fs::write(&list, text).unwrap();
    for flag in ["--confusion", "--predictions"] {
        let (code, _, stderr) = output(quick().arg(&list).arg(flag).arg(&list));
        assert_eq!(code, 2, "{flag}: {stderr}");
        assert!(stderr.contains("which this command reads"), "{stderr}");
        assert_eq!(fs::read_to_string(&list).unwrap(), text);
    }
}

#[test]
fn every_format_says_the_same() {
    let folder = folder();
    data_set(folder.path());
    let matrix = folder.path().join("cm.csv");
    let run = |format: &str| {
        let mut command = quick();
        command.arg(folder.path()).args(["--format", format]);
        output(command.arg("--confusion").arg(&matrix)).1
    };
    let found: Value = serde_json::from_str(&run("json")).unwrap();
    let lines = driver::lines(&run("jsonl"));
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[4]["evaluation"]["confusion"], found["confusion"]);
    let right = lines[..4].iter().filter(|line| line["rank"] == 1).count();
    assert_eq!(found["top"][0]["count"], right);
    let classes = run("csv");
    assert!(classes.starts_with("index,label,precision,recall,f1,support,predicted\n0,"));
    assert_eq!(classes.lines().count(), 7);
    let text = run("text");
    assert!(
        text.starts_with("clips        4 answered\ntop-1        "),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    let rows = fs::read_to_string(&matrix).unwrap();
    let sums = rows.lines().skip(1).map(|row| {
        let counts = row.rsplit(',').take(6);
        counts
            .map(|count| count.parse::<u64>().unwrap())
            .sum::<u64>()
    });
    assert_eq!(sums.sum::<u64>(), 4);
}

#[test]
fn one_class_and_one_clip_are_not_called_several() {
    let folder = folder();
    data_set(folder.path());
    let list = folder.path().join("one.csv");
    fs::write(&list, "path,label\nnone,growing\n").unwrap();
    let (code, _, stderr) = output(quick().arg(&list));
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("1 of 1 clip failed; the first: "),
        "{stderr}"
    );
    assert_eq!(stderr.matches("none does not exist").count(), 1, "{stderr}");
    assert!(!stderr.contains("none: "), "{stderr}");
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    for (args, expected) in [
        (&[][..], "name a list or a directory"),
        (&["x", "--from", "p.jsonl"], "which need no clips"),
        (
            &["--from", "3", "--from", "p.jsonl"],
            "one position, or files",
        ),
        (
            &["--from", "p.jsonl", "--predictions", "q.jsonl"],
            "no effect",
        ),
        (
            &["--from", "p.jsonl", "--weight", "1", "--weight", "2"],
            "2 times for 1",
        ),
        (&["x", "--fps", "25"], "--from and --to"),
        (
            &["--from", "p.jsonl", "--labels", "a.txt"],
            "--labels has no effect",
        ),
    ] {
        let (code, _, stderr) = output(evaluate().args(args));
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(stderr.contains(expected), "{args:?}: {stderr}");
    }
}
