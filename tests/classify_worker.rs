//! `eco classify` as a worker process: docs/scale.md.

mod driver;
mod tools;

use std::fs;
use std::io::{BufRead, Write};
use std::path::Path;
use std::process::Command;

use driver::{classify, clip, finished, folder, lines, names, output, piped};
use serde_json::{Value, json};

/// Answers lines of standard input.
fn answered(args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = classify(["-", "--format", "jsonl", "-q"]);
    let (child, mut stdin, _stdout) = piped(command.args(args));
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let mut stdout = _stdout;
    let mut text = String::new();
    while stdout.read_line(&mut text).unwrap() > 0 {}
    let (code, _, stderr) = finished(child);
    (code, text, stderr)
}

/// The values of a field in all rows.
fn field(rows: &[Value], name: &str) -> Vec<Value> {
    rows.iter().map(|row| row[name].clone()).collect()
}

#[test]
fn ids_and_line_numbers_go_through_in_order_whatever_becomes_of_a_clip() {
    let folder = folder();
    let good = clip(folder.path(), "a b", 2);
    let good = good.to_str().unwrap();
    let object = json!({ "path": good, "id": 7, "of": { "set": ["x", null] } });
    let input = format!(
        "{good}\tfirst\n\n# a comment\n{good}\nnowhere.mp4\tsecond, with blanks\n{object}\n{{\"id\": 3}}\n"
    );
    let (code, stdout, stderr) = answered(&[], &input);
    assert_eq!(code, 1, "{stderr}");
    let rows = lines(&stdout);
    assert_eq!(field(&rows, "line"), [1, 4, 5, 6, 7]);
    let ids = [
        json!("first"),
        Value::Null,
        json!("second, with blanks"),
        json!(7),
        Value::Null,
    ];
    assert_eq!(field(&rows, "id"), ids);
    assert_eq!(rows[3]["of"], object["of"]);
    assert_eq!(rows[2]["clip"], "nowhere.mp4");
    let has_error = rows.iter().map(|row| row.get("error").is_some());
    assert_eq!(
        has_error.collect::<Vec<_>>(),
        [false, false, true, false, true]
    );
}

#[test]
fn a_tab_without_an_id_is_an_error_row_and_the_rest_goes_on() {
    let folder = folder();
    let good = clip(folder.path(), "a", 1);
    let good = good.display();
    let input = format!("{good}\tx\n{good}\t\n{good}\t \r\n{good} \n");
    let (code, stdout, stderr) = answered(&[], &input);
    assert_eq!(code, 1, "{stderr}");
    let rows = lines(&stdout);
    assert_eq!(field(&rows, "line"), [1, 2, 3, 4]);
    for row in &rows[1..3] {
        let error = row["error"].as_str().unwrap();
        assert!(error.contains("no id after its tab"), "{error}");
    }
    // Without a tab there is no id to be missed.
    assert!(rows[0].get("top").is_some() && rows[3].get("top").is_some());
}

#[test]
fn who_wants_to_be_told_of_failures_says_so() {
    let folder = folder();
    let good = clip(folder.path(), "a", 1);
    let mixed = format!("{}\nnowhere\n", good.display());
    for (when, input, expected) in [
        ("any", mixed.as_str(), 1),
        ("all", &mixed, 0),
        ("all", "nowhere\n", 1),
        ("never", "nowhere\n", 0),
        ("never", "", 0),
        ("any", "", 1),
    ] {
        let (code, stdout, stderr) = answered(&["--fail-when", when], input);
        assert_eq!(code, expected, "{when}, {input:?}: {stderr}");
        assert_eq!(stdout.lines().count(), input.lines().count());
    }
}

#[test]
fn what_cannot_start_has_a_code_of_its_own() {
    let code = |args: &[&str]| output(&mut classify(args)).0;
    assert_eq!(code(&["a", "--fail-when", "sometimes"]), 2);
    assert_eq!(code(&["a", "--skip-done"]), 2);
    assert_eq!(code(&["a", "--shard", "4/4"]), 2);
    assert_eq!(code(&["a", "--output", "/nowhere/rows.jsonl"]), 3);
    assert_eq!(code(&["--list", "/nowhere/list"]), 3);
    assert_eq!(code(&["/nowhere/clip"]), 1);
}

#[test]
fn a_batch_that_is_not_full_is_answered_while_the_input_is_silent() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    let mut command = classify(["-", "--format", "jsonl", "-q", "--batch", "4"]);
    let (child, mut stdin, mut stdout) = piped(&mut command);
    for _ in 0..2 {
        writeln!(stdin, "{}", clip.display()).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(lines(&line)[0].get("top").is_some());
    }
    drop(stdin);
    assert_eq!(finished(child).0, 0);
}

#[test]
fn without_timings_another_run_writes_the_same_bytes() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 3);
    let input = format!("{}\tx\nnowhere\ty\n", clip.display());
    let [first, second] = [(); 2].map(|()| answered(&["--no-timings", "--logits"], &input).1);
    assert_eq!(first, second);
    assert!(!first.contains("timings"));
}

#[cfg(unix)]
#[test]
fn an_empty_environment_is_enough() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    let mut command = classify([&clip]);
    let (code, stdout, stderr) = output(command.args(["--format", "jsonl"]).env_clear());
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(lines(&stdout).len(), 1);
}

#[test]
fn values_say_which_rows_they_belong_to() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    let features = folder.path().join("f.npy");
    let mut command = classify([Path::new("nowhere"), &clip, Path::new("nowhere"), &clip]);
    output(command.arg("--features").arg(&features));
    let names = fs::read(folder.path().join("f.clips.json")).unwrap();
    let names: Value = serde_json::from_slice(&names).unwrap();
    assert_eq!(names["rows"], json!([1, 3]));
    assert_eq!(names["clips"].as_array().map(Vec::len), Some(2));
}

#[test]
fn shards_share_out_the_clips() {
    let folder = folder();
    let list = folder.path().join("list.txt");
    let numbers = 0..7;
    let text: String = numbers
        .clone()
        .map(|number| format!("{number}.mp4\n"))
        .collect();
    // One of several has to exist for the list to be one.
    fs::write(folder.path().join("0.mp4"), "").unwrap();
    fs::write(&list, text).unwrap();
    let mut seen = Vec::new();
    for index in 0..3 {
        let mut command = classify(["--format", "jsonl", "--fail-when", "never", "--list"]);
        command.arg(&list).args(["--shard", &format!("{index}/3")]);
        let (code, stdout, stderr) = output(&mut command);
        assert_eq!(code, 0, "{stderr}");
        let found = lines(&stdout).into_iter().map(|row| row["line"].as_u64());
        seen.push(found.flatten().collect::<Vec<_>>());
    }
    assert_eq!(seen, [vec![1, 4, 7], vec![2, 5], vec![3, 6]]);
}

#[test]
fn an_output_appears_whole_and_is_not_made_again() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    let rows = folder.path().join("rows.jsonl");
    let run = || {
        let mut command = classify(["--format", "jsonl", "--skip-done", "--output"]);
        command.arg(&rows).args([&clip, &clip]);
        output(&mut command)
    };
    let (code, stdout, stderr) = run();
    assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
    let first = fs::read_to_string(&rows).unwrap();
    assert_eq!(lines(&first).len(), 2);
    let (code, _, stderr) = run();
    assert!(code == 0 && stderr.contains("is there already"), "{stderr}");
    assert_eq!(fs::read_to_string(&rows).unwrap(), first);
}

#[cfg(unix)]
#[test]
fn an_interrupted_output_does_not_appear() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    let rows = folder.path().join("rows.jsonl");
    let features = folder.path().join("features.npy");
    let mut command = classify(["-", "--format", "jsonl", "--output"]);
    command.arg(&rows).arg("--features").arg(&features);
    let (child, mut stdin, _stdout) = piped(&mut command);
    writeln!(stdin, "{}", clip.display()).unwrap();
    // The features are opened when the network is ready.
    while names(folder.path()).len() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    let pid = child.id().to_string();
    Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert_eq!(finished(child).0, 143);
    assert!(!rows.exists());
}
