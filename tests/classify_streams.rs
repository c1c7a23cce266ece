//! `eco classify` between pipes, on disks without room, and interrupted.

mod driver;
mod tools;

use std::fs;
use std::io::{BufRead, Read, Write};
use std::process::{Command, Stdio};

use driver::{classify, clip, finished, folder, lines, names, output, piped};

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

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_complete_output() {
    let folder = folder();
    let clip = clip(folder.path(), "a", 1);
    let report = folder.path().join("report.html");
    let mut command = classify(["-", "--format", "jsonl", "--report"]);
    let (child, mut stdin, mut stdout) = piped(command.arg(&report));
    writeln!(stdin, "{}", clip.display()).unwrap();
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
        assert!(stderr.contains("No space left"), "{format}: {stderr}");
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
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        assert!(stderr.contains("cannot create"), "{stderr}");
    }
}
