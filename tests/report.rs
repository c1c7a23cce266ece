//! `eco classify --report` and `eco report`: what they say, and the page that is made again from rows.

mod driver;
mod tools;

use std::fs;
use std::process::Command;

use driver::{classify, clip, folder, names, output};
use eco::text::number::file_size;

fn report() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command.arg("report");
    command
}

#[test]
fn a_page_made_again_from_json_lines_says_the_same() {
    let folder = folder();
    let clips = [clip(folder.path(), "a", 12), folder.path().join("none")];
    let first = folder.path().join("first.html");
    let windows = ["--window", "4", "--format", "jsonl", "--report"];
    let (code, rows, stderr) = output(classify(&clips).args(windows).arg(&first));
    assert_eq!(code, 1, "one clip fails: {stderr}");
    let size = file_size(fs::metadata(&first).unwrap().len());
    let wrote = format!("eco: wrote {} ({size})\n", first.display());
    assert!(stderr.contains(&wrote), "{stderr}");

    let again = folder.path().join("again.html");
    let jsonl = folder.path().join("rows.jsonl");
    fs::write(&jsonl, rows).unwrap();
    let (code, stdout, stderr) = output(report().arg(&jsonl).arg("--output").arg(&again));
    assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
    assert!(stderr.contains("again.html"), "{stderr}");
    let [first, again] = [first, again].map(|page| fs::read_to_string(page).unwrap());
    for text in [
        "<title>ECO report: 2 clips, 4 answers</title>",
        "<b>3</b> answered",
        "<b>1</b> failed",
        "3 windows in ",
        "none does not exist",
    ] {
        assert!(first.contains(text) && again.contains(text), "{text}");
    }
    assert!(first.contains("The weights are the embedded demo"));
    assert!(again.contains("Made from the rows in "));
    assert!(first.contains("<img ") && !again.contains("<img "));
}

#[test]
fn frames_are_shown_in_full_or_not_at_all_where_that_is_asked_for() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 4);
    for (frames, pictures) in [("auto", 4), ("all", 4), ("none", 0)] {
        let page = folder.path().join("page.html");
        let mut command = classify([&clip]);
        command.args(["--report-frames", frames, "--report"]);
        let (code, _, stderr) = output(command.arg(&page));
        assert_eq!(code, 0, "{stderr}");
        let page = fs::read_to_string(page).unwrap();
        assert_eq!(page.matches("<img ").count(), pictures, "{frames}");
    }
}

#[test]
fn a_file_without_rows_makes_no_page() {
    let folder = folder();
    let page = folder.path().join("page.html");
    for (text, reason) in [
        ("", "has no rows"),
        ("clip,rank\na,1\n", "line 1: not JSON"),
        ("{\"clip\":\"a\"}\n", "line 1: not a row of `eco classify`"),
    ] {
        let rows = folder.path().join("rows.jsonl");
        fs::write(&rows, text).unwrap();
        let (code, _, stderr) = output(report().arg(&rows).arg("-o").arg(&page));
        assert_eq!(code, 1, "{stderr}");
        let named = stderr.contains("rows.jsonl") && stderr.contains(reason);
        assert!(named, "{stderr}");
        assert_eq!(names(folder.path()), ["rows.jsonl"]);
    }
}
