//! `eco classify` between pipes, on disks without room, and interrupted.

mod driver;
mod tools;

use std::fs;
use std::io::{BufRead, Read, Write};
use std::process::{Child, Command, Stdio};

use driver::{classify, clip, finished, folder, lines, names, output, piped};
use serde_json::Value;

#[test]
fn a_filter_answers_each_line_before_it_reads_the_next() {
    let folder = folder();
    let clips = [clip(folder.path(), "a", 1), clip(folder.path(), "b", 2)];
    let (child, mut stdin, mut stdout) = piped(&mut classify(["-", "--format", "jsonl", "-q"]));
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

/// Sends a signal to eco.
#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let kill = Command::new("kill").args([name, &pid]).status().unwrap();
    assert!(kill.success());
}

#[cfg(unix)]
#[test]
fn a_signal_leaves_complete_output_and_its_own_exit_code() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    for (name, expected) in [("-INT", 130), ("-TERM", 143)] {
        let report = folder.path().join(format!("report{name}.html"));
        let mut command = classify(["-", "--format", "jsonl", "--report"]);
        let (child, mut stdin, mut stdout) = piped(command.arg(&report));
        writeln!(stdin, "{}", clip.display()).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        signal(&child, name);
        // Standard input is still open: it is not what ends the program.
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        let (code, _, stderr) = finished(child);
        assert_eq!((code, rest.as_str()), (expected, ""));
        assert!(stderr.contains("answers given: 1"), "{stderr}");
        let page = fs::read_to_string(&report).unwrap();
        assert!(page.trim_end().ends_with("</html>"));
        drop(stdin);
    }
}

#[cfg(unix)]
#[test]
fn what_ctrl_c_cuts_off_says_how_many_clips_are_missing() {
    const CLIPS: usize = 200;
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    for format in ["json", "csv"] {
        let mut command = classify(vec![&clip; CLIPS]);
        let (child, _, mut stdout) = piped(command.args(["--format", format, "-k", "1"]));
        let mut text = String::new();
        stdout.read_line(&mut text).unwrap();
        signal(&child, "-INT");
        stdout.read_to_string(&mut text).unwrap();
        let (code, _, stderr) = finished(child);
        assert_eq!(code, 130, "{stderr}");
        let (answers, missing) = match format {
            "json" => {
                let mut rows: Vec<Value> = serde_json::from_str(&text).unwrap();
                let last = rows.pop().unwrap();
                assert_eq!(last["incomplete"], "interrupted");
                (rows.len(), last["missing_clips"].to_string())
            }
            _ => {
                let last = text.lines().last().unwrap();
                let (_, missing) = last
                    .split_once("incomplete: interrupted; clips missing: ")
                    .unwrap();
                (text.lines().count() - 2, missing.to_owned())
            }
        };
        assert!(answers < CLIPS);
        assert_eq!(missing, (CLIPS - answers).to_string());
        assert!(
            stderr.contains(&format!("clips missing: {missing}")),
            "{stderr}"
        );
    }
}

#[test]
fn no_input_is_an_error() {
    let (code, stdout, stderr) = output(&mut classify(["-", "--format", "jsonl"]));
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.contains("no clips"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_shows_that_weights_are_loading() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    let eco = classify([&clip]);
    let words = [eco.get_program()].into_iter().chain(eco.get_args());
    let words: Vec<&str> = words.map(|word| word.to_str().unwrap()).collect();
    let mut script = Command::new("script");
    script
        .args(["-qec", &words.join(" "), "/dev/null"])
        .stdin(Stdio::null());
    match script.output() {
        Ok(terminal) => {
            let text = String::from_utf8_lossy(&terminal.stdout);
            let (_, later) = text.split_once("eco: weights: ").unwrap();
            assert!(later.contains("loading weights"), "{text}");
        }
        Err(error) => tools::skip("progress on a terminal", format_args!("script: {error}")),
    }
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
    let (child, mut stdin, mut stdout) = piped(&mut classify(["-", "--format", "jsonl", "-q"]));
    writeln!(stdin, "{}", clip.display()).unwrap();
    stdout.read_line(&mut String::new()).unwrap();
    drop(stdout);
    // Standard input stays open: it ends at the next answer, which nobody reads.
    writeln!(stdin, "{}", clip.display()).unwrap();
    let (code, _, stderr) = finished(child);
    assert_eq!((code, stderr.as_str()), (0, ""));
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
        let mut command = classify([&clip]);
        command.args(["--format", format]).stdout(full);
        let (code, _, stderr) = finished(command.stderr(Stdio::piped()).spawn().unwrap());
        assert_eq!(code, 1, "{format}: {stderr}");
        let expected = "cannot write to standard output: No space left";
        assert!(stderr.contains(expected), "{format}: {stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_standard_error_that_nobody_can_read_does_not_change_the_answer() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 4);
    let full = fs::OpenOptions::new().write(true).open(FULL).unwrap();
    let mut command = classify([&clip]);
    let command = command.arg("-v").stdout(Stdio::piped()).stderr(full);
    let (code, stdout, _) = finished(command.spawn().unwrap());
    assert_eq!(code, 0);
    assert!(stdout.contains('%'), "{stdout}");
}

#[test]
fn outputs_that_cannot_be_written_are_known_before_the_work() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    for (flag, file) in [("--report", "none/r.html"), ("--scores", "none/s.csv")] {
        let (code, stdout, stderr) =
            output(classify([&clip]).arg(flag).arg(folder.path().join(file)));
        assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
        assert!(stderr.contains("cannot create"), "{stderr}");
    }
}
