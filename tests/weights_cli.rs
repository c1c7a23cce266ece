//! `eco load-weights` and `eco inspect` as a user meets them: exit codes, streams, and what is left on the disk.

mod forge;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use eco::network::Network;
use eco::recipe::Architecture;
use eco::weights::{Dtype, RawTensor, TensorSpec, write};
use tempfile::TempDir;

/// A folder to work in, which is the user's data directory as well.
fn workplace() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command
        .current_dir(folder)
        .env("XDG_DATA_HOME", folder.join("data"))
        .env("HOME", folder)
        .env_remove("ECO_WEIGHTS");
    command
}

fn eco<S: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = S>) -> Output {
    command(folder).args(args).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("not killed")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file with all tensors of ECO-Lite for which `keep` holds, zeros in them.
fn model(folder: &Path, name: &str, keep: impl Fn(&TensorSpec) -> bool) -> PathBuf {
    let zeros = |spec: &TensorSpec| {
        let (dtype, size) = match spec.is_counter() {
            true => (Dtype::I64, 8),
            false => (Dtype::F32, 4),
        };
        let bytes = spec.shape.iter().product::<usize>() * size;
        RawTensor {
            dtype,
            shape: spec.shape.clone(),
            data: vec![0; bytes].into(),
        }
    };
    let tensors: Vec<_> = Network::new(Architecture::Lite, 51, 16)
        .unwrap()
        .state_dict()
        .iter()
        .filter(|spec| keep(spec))
        .map(|spec| (spec.name.clone(), zeros(spec)))
        .collect();
    let path = folder.join(name);
    write(&path, &tensors, &Default::default()).unwrap();
    path
}

/// A checkpoint that is sound and no ECO model.
fn small(folder: &Path, name: impl AsRef<Path>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, &forge::sound()["safetensors"]).unwrap();
    path
}

#[test]
fn exit_codes_tell_success_failure_usage_mismatch_and_unreadable_apart() {
    let folder = workplace();
    let sound = model(folder.path(), "sound.safetensors", |_| true);
    let other = small(folder.path(), "other.safetensors");
    let page = folder.path().join("page.pth");
    std::fs::write(&page, "<!DOCTYPE html><html>").unwrap();
    let labels = folder.path().join("labels.txt");
    std::fs::write(&labels, "one\ntwo\n").unwrap();
    let run = |args: &[&OsStr]| {
        eco(
            folder.path(),
            [&[OsStr::new("load-weights")], args].concat(),
        )
    };
    let [sound, other, page, labels] = [&sound, &other, &page, &labels].map(|p| p.as_os_str());
    let [out, json, dry] = ["-o", "--json", "--dry-run"].map(OsStr::new);

    assert_eq!(code(&run(&[sound, dry])), 0);
    assert_eq!(code(&run(&[sound, "--labels".as_ref(), labels])), 2);
    assert_eq!(code(&run(&[sound, "--rename".as_ref(), "x".as_ref()])), 2);
    assert_eq!(code(&run(&[other])), 3);
    assert_eq!(code(&run(&[sound, "--key".as_ref(), "x".as_ref()])), 3);
    assert_eq!(code(&run(&[page])), 4);
    assert_eq!(code(&run(&["absent.pth".as_ref()])), 4);
    let failed = run(&[sound, out, "none/x.safetensors".as_ref()]);
    assert_eq!(code(&failed), 1);
    let said = stderr(&failed);
    assert_eq!(said.matches("os error").count(), 1, "{said}");
    assert!(!said.contains(".eco-"), "{said}");

    let report = run(&[other, json, dry]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["verdict"], "mismatch");
    assert_eq!(report["dry_run"], true);
    let report = run(&[page, json]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["verdict"], "unreadable");
    assert!(!folder.path().join("data").exists(), "nothing was imported");
}

#[test]
fn a_partial_import_does_not_become_the_weights_that_are_used() {
    let folder = workplace();
    let trunk = model(folder.path(), "trunk.safetensors", |spec| {
        !spec.name.starts_with("fc_final")
    });
    let args = ["load-weights", "--partial", "-o", "out.safetensors"].map(OsStr::new);
    let run = eco(folder.path(), [&args[..], &[trunk.as_os_str()]].concat());
    assert_eq!(code(&run), 0, "{}", stderr(&run));
    assert!(
        stderr(&run).contains("does not take these weights"),
        "{}",
        stderr(&run)
    );
    assert!(folder.path().join("out.safetensors").is_file());
    let run = eco(folder.path(), ["classify", "."]);
    assert!(stderr(&run).contains("no weights"), "{}", stderr(&run));
}

#[test]
fn a_reader_that_went_away_causes_no_panic() {
    let folder = workplace();
    let other = small(folder.path(), "other.safetensors");
    let gone = |args: &[&str]| {
        let mut child = command(folder.path())
            .args(args)
            .arg(&other)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        child.wait().unwrap().code().expect("not killed")
    };
    assert_eq!(gone(&["load-weights"]), 3);
    assert_eq!(gone(&["load-weights", "--key", "x", "--json"]), 3);
    for format in ["table", "json", "csv"] {
        assert_eq!(gone(&["inspect", "--format", format]), 0, "{format}");
    }
}

#[cfg(unix)]
#[test]
fn a_name_that_is_no_text_is_as_good_as_any() {
    use std::os::unix::ffi::OsStringExt;
    let folder = workplace();
    let other = small(folder.path(), OsString::from_vec(b"n\xff.pth".to_vec()));
    for args in [
        ["inspect", "--format", "json"],
        ["load-weights", "--json", "--dry-run"],
    ] {
        let args = [&args.map(OsStr::new)[..], &[other.as_os_str()]].concat();
        let run = eco(folder.path(), args);
        let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
        assert!(report["file"].as_str().unwrap().ends_with(".pth"));
    }
}
