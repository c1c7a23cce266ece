//! `eco classify` on a terminal, which `script` of util-linux pretends to be.
#![cfg(target_os = "linux")]

mod driver;
mod tools;

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use driver::{clip, folder};

/// Starts `eco` on the windows of a clip, on a terminal of 60 columns and with its standard output to `target` (`> file`,
/// `| cat`); `None` where there is no `script`.
fn start(folder: &Path, target: &str) -> Option<Child> {
    let clip = clip(folder, "clip", 24);
    let eco = env!("CARGO_BIN_EXE_eco");
    let clip = clip.display();
    let run = format!(
        "stty rows 24 cols 60; {eco} classify {clip} --weights demo --segments 4 --window 4 -k 1 --format csv {target}"
    );
    let mut script = Command::new("script");
    script
        .args(["-qec", &run, "/dev/null"])
        .env("SHELL", "/bin/sh");
    script.stdin(Stdio::piped()).stdout(Stdio::piped());
    match script.env_remove("ECO_WEIGHTS").spawn() {
        Ok(child) => Some(child),
        Err(error) => {
            tools::skip("a terminal", format_args!("script: {error}"));
            None
        }
    }
}

/// What the terminal gets until `eco` has ended.
fn on_terminal(folder: &Path, target: &str) -> Option<String> {
    let mut script = start(folder, target)?;
    let mut shown = String::new();
    let out = script.stdout.as_mut().unwrap();
    out.read_to_string(&mut shown).unwrap();
    assert!(script.wait().unwrap().success(), "{shown}");
    Some(shown)
}

#[test]
fn windows_are_counted_in_one_line_that_fits_and_leaves_nothing_behind() {
    let folder = folder();
    let Some(shown) = on_terminal(
        folder.path(),
        &format!("> {}/rows.csv", folder.path().display()),
    ) else {
        return;
    };
    assert!(shown.contains(" of 6 windows  "), "{shown:?}");
    assert!(shown.contains(" left"), "{shown:?}");
    for line in shown.split(['\r', '\n']) {
        let line = line.replace("\u{1b}[2K", "");
        let said = line.starts_with("eco: ");
        assert!(
            said || line.chars().count() <= 56,
            "no room for ^C: {line:?}"
        );
    }
    assert!(
        shown.ends_with("\r\u{1b}[2K"),
        "the line is cleared: {shown:?}"
    );
}

#[test]
fn ctrl_c_leaves_one_line_that_says_so() {
    let folder = folder();
    let target = format!("> {}/rows.csv", folder.path().display());
    let Some(mut script) = start(folder.path(), &target) else {
        return;
    };
    let mut shown = Vec::new();
    let mut out = script.stdout.take().unwrap();
    let mut bytes = [0; 4096];
    while !String::from_utf8_lossy(&shown).contains("1 of 6 windows") {
        let count = out.read(&mut bytes).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&shown));
        shown.extend(&bytes[..count]);
    }
    // The terminal shows ^C where the cursor is, and sends the signal.
    script.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    out.read_to_end(&mut shown).unwrap();
    assert_eq!(script.wait().unwrap().code(), Some(130));
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("^C"), "{shown:?}");
    let left = screen(&shown);
    assert_eq!(left.len(), 2, "weights, and: {left:?}\n{shown:?}");
    assert!(
        left[1].starts_with("eco: interrupted; answers given: ")
            && left[1].ends_with("; clips missing: 1"),
        "the clip at hand is not complete: {left:?}"
    );
}

/// The lines that a terminal of 60 columns shows at the end; what `eco` says is not broken into lines.
fn screen(written: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut column = 0;
    let mut characters = written.chars().peekable();
    while let Some(character) = characters.next() {
        let last = lines.last_mut().unwrap();
        match character {
            '\n' => {
                lines.push(String::new());
                column = 0;
            }
            '\r' => column = 0,
            // Every sequence here clears the line.
            '\u{1b}' => {
                let sequence: String = characters.by_ref().take(3).collect();
                assert_eq!(sequence, "[2K", "{written:?}");
                last.clear();
            }
            _ if column == 60 && !last.starts_with("eco: ") => {
                lines.push(character.to_string());
                column = 1;
            }
            _ => {
                let kept: String = last.chars().take(column).collect();
                let rest: String = last.chars().skip(column + 1).collect();
                *last = format!("{kept}{character}{rest}");
                column += 1;
            }
        }
    }
    lines.retain(|line| !line.trim().is_empty());
    lines
}

#[test]
fn nothing_is_drawn_where_another_program_reads_the_answers() {
    let folder = folder();
    let Some(shown) = on_terminal(folder.path(), "| cat") else {
        return;
    };
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    assert!(!shown.contains("windows"), "{shown:?}");
    assert_eq!(
        shown.lines().count(),
        1 + 1 + 6,
        "weights, header, windows: {shown}"
    );
}
