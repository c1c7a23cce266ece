//! A disk without room: an error that names the file, and the file that was there stays.
#![cfg(unix)]

mod driver;
mod tools;

use std::fs;
use std::path::Path;
use std::process::Command;

use driver::{clip, folder, names, output};

/// Flags that write a file, the file, and how many blocks of 512 bytes the disk has left for it.
const WRITERS: [(&[&str], &str, u32); 10] = [
    (&["classify", "--report"], "report.html", 1),
    (&["classify", "--sheet"], "sheet.png", 1),
    (&["classify", "--sheet"], "sheet.jpg", 1),
    (&["classify", "--features"], "features.npy", 1),
    (&["classify", "--scores"], "scores.csv", 0),
    (&["graph", "--format", "svg", "--output"], "eco.svg", 1),
    (&["graph", "--logdir"], "logs", 1),
    (&["summary", "--dump"], "dump.safetensors", 1),
    (
        &["bench", "--runs", "1", "--warmup", "0", "--outputs"],
        "outputs.safetensors",
        1,
    ),
    (&["man"], "man", 1),
];

/// `eco` where no file can grow beyond so many blocks.
fn limited(blocks: u32) -> Command {
    let mut command = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_eco")]);
    command.env_remove("ECO_WEIGHTS");
    command
}

fn is_folder(flags: &[&str]) -> bool {
    flags == ["graph", "--logdir"] || flags == ["man"]
}

#[test]
fn every_writer_leaves_the_old_file_where_the_new_one_has_no_room() {
    let folder = folder();
    let clip = clip(folder.path(), "clip", 4);
    for (flags, name, blocks) in WRITERS {
        let target = folder.path().join(name);
        match is_folder(flags) {
            true => fs::create_dir(&target).unwrap(),
            false => fs::write(&target, "old").unwrap(),
        }
        let before = names(folder.path());
        let mut command = limited(blocks);
        command.args(flags).arg(&target);
        let small = ["--weights", "demo", "--segments", "4"];
        match flags[0] {
            "classify" => command.arg(&clip).args(small),
            "summary" => command.arg("--activations").arg(&clip).args(small),
            "bench" => command.args(small),
            _ => &mut command,
        };
        let (code, _, stderr) = output(&mut command);
        assert_eq!(code, 1, "{flags:?}: {stderr}");
        assert!(stderr.contains("cannot write"), "{flags:?}: {stderr}");
        assert!(stderr.contains(name), "{flags:?} names its file: {stderr}");
        assert!(
            !stderr.contains(".eco-"),
            "{flags:?} names another: {stderr}"
        );
        match is_folder(flags) {
            true => assert_eq!(names(&target), [] as [&str; 0], "{flags:?}"),
            false => assert_eq!(fs::read(&target).unwrap(), b"old", "{flags:?}"),
        }
        assert_eq!(names(folder.path()), before, "{flags:?}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named_without_a_temporary_name() {
    let missing = Path::new("/proc/none/eco.svg");
    let mut command = limited(1000);
    let (code, _, stderr) = output(
        command
            .args(["graph", "--format", "svg", "-o"])
            .arg(missing),
    );
    assert_eq!(code, 1, "{stderr}");
    let expected = "cannot create /proc/none/eco.svg: No such file or directory";
    assert!(stderr.contains(expected), "{stderr}");
}
