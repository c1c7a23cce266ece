//! What `make setup` says about a libtorch that cannot be used, `make test` about what was skipped, and `make demo` at its end.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs the set-up with `LIBTORCH=folder`; whether it was content, and what it said.
fn setup(folder: &Path) -> (bool, String) {
    let output = Command::new("scripts/setup.sh")
        .arg("light")
        .env("LIBTORCH", folder)
        .env_remove("LIBTORCH_USE_PYTORCH")
        .env_remove("LIBTORCH_BYPASS_VERSION_CHECK")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.success(), said)
}

fn write(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_wrong_libtorch_is_refused_with_what_was_found_and_the_ways_to_fix_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let refused = |folder: &Path, found: &str| {
        let (content, said) = setup(folder);
        assert!(!content);
        assert!(said.contains(found), "{said}");
        assert!(said.contains("LIBTORCH_USE_PYTORCH=1"), "{said}");
    };
    refused(&folder.join("nowhere"), "does not exist");
    refused(folder, "has no lib/libtorch_cpu");
    write(folder, "lib/libtorch_cpu.so", "");
    refused(folder, "no C++ headers");
    write(folder, "include/torch/csrc/api/include/torch/torch.h", "");
    write(folder, "build-version", "2.4.0+cu121");
    refused(folder, "is version 2.4.0+cu121");
    write(folder, "build-version", "2.13.0+cpu");
    assert_eq!(setup(folder), (true, String::new()));
}

#[test]
fn the_last_line_of_the_tests_counts_what_was_skipped() {
    for (tests, code, last) in [
        ("true", 0, "the tests passed; checks skipped: 0"),
        (
            "echo a video >> $ECO_SKIPPED; echo a video >> $ECO_SKIPPED",
            0,
            "the tests passed; checks skipped: 2",
        ),
        (
            "echo a page >> $ECO_SKIPPED; exit 3",
            3,
            "some tests FAILED; checks skipped: 1",
        ),
    ] {
        let run = Command::new("scripts/test.sh")
            .args(["sh", "-c", tests])
            .output()
            .unwrap();
        let said = String::from_utf8(run.stdout).unwrap();
        assert_eq!(
            (run.status.code(), said.lines().last()),
            (Some(code), Some(last))
        );
    }
}

#[test]
fn the_demo_ends_with_commands_that_can_be_pasted() {
    // One that answers nothing: what it says itself is tried elsewhere.
    let run = Command::new("scripts/demo.sh")
        .arg("true")
        .output()
        .unwrap();
    assert!(run.status.success());
    let said = String::from_utf8(run.stdout).unwrap();
    let (_, next) = said.split_once("To go on from here").unwrap();
    let commands: Vec<&str> = next
        .lines()
        .filter_map(|line| line.strip_prefix("true "))
        .collect();
    assert!(commands.len() > 1, "{said}");
    for command in commands {
        let eco = Command::new(env!("CARGO_BIN_EXE_eco"))
            .args(command.split(' '))
            .arg("--help")
            .output()
            .unwrap();
        assert!(eco.status.success(), "{command}");
    }
    assert!(next.contains("\nmake install\n"), "{said}");
}
