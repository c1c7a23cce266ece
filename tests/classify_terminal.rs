//! `eco classify` on a terminal, which `script` of util-linux pretends to be.
#![cfg(target_os = "linux")]

mod driver;
mod tools;

use std::path::Path;
use std::process::Command;

use driver::{clip, folder};

/// What a terminal of 60 columns gets when `eco` classifies the windows of a clip and its standard output goes to `target`
/// (`> file`, `| cat`); `None` where there is no `script`.
fn on_terminal(folder: &Path, target: &str) -> Option<String> {
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
    match script.env_remove("ECO_WEIGHTS").output() {
        Ok(output) => {
            let shown = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "{shown}");
            Some(shown)
        }
        Err(error) => {
            tools::skip("a terminal", format_args!("script: {error}"));
            None
        }
    }
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
        // The line is filled with blanks up to the width of the terminal.
        let line = line.replace("\u{1b}[2K", "");
        let (said, shown) = (line.starts_with("eco: "), line.trim_end());
        assert!(said || shown.chars().count() <= 56, "{line:?}");
        assert!(said || line.chars().count() <= 60, "{line:?}");
    }
    assert!(
        shown.ends_with("\r\u{1b}[2K"),
        "the line is cleared: {shown:?}"
    );
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
