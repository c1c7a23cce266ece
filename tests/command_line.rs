//! What the commands have in common: hints, exit codes, and what `eco doctor` says.

mod driver;
mod tools;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use driver::{clip, folder, output};
use eco::engine::{Device, Precision, precisions};
use safetensors::SafeTensors;
use serde_json::Value;

/// Runs eco where no weights are known.
fn eco<S: AsRef<OsStr>>(home: &Path, args: impl IntoIterator<Item = S>) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command
        .args(args)
        .current_dir(home)
        .env("HOME", home)
        .env_remove("XDG_DATA_HOME")
        .env_remove("ECO_WEIGHTS");
    output(&mut command)
}

#[test]
fn flags_typed_by_habit_get_a_hint() {
    let folder = folder();
    for (args, hint) in [
        (&["classify", "clip", "--json"][..], "--format json"),
        (&["bench", "--json"], "--format json"),
        (&["summary", "--csv"], "--format csv"),
        (
            &["classify", "clip", "-o", "out.html"],
            "--report, --features, --scores",
        ),
        (&["bench", "-o", "out.json"], "'> FILE'"),
        (&["summary", "-v"], "--table"),
        (&["classify", "clip", "--formt", "json"], "--format"),
    ] {
        let (code, stdout, stderr) = eco(folder.path(), args);
        assert_eq!((code, stdout.as_str()), (2, ""), "{args:?}: {stderr}");
        assert!(
            stderr.contains("tip: ") && stderr.contains(hint),
            "{args:?}: {stderr}"
        );
    }
}

#[test]
fn a_network_is_measured_without_weights() {
    let folder = folder();
    let small = [
        "--segments",
        "4",
        "--device",
        "cpu",
        "--runs",
        "1",
        "--warmup",
        "0",
    ];
    for (arch, features) in [("lite", 512), ("Full", 1536)] {
        let out = folder.path().join("out.safetensors");
        let to_file = ["--outputs".as_ref(), out.as_os_str()];
        let args = ["bench", "--arch", arch].map(OsStr::new).into_iter();
        let args = args.chain(small.map(OsStr::new)).chain(to_file);
        let (code, stdout, stderr) = eco(folder.path(), args);
        assert_eq!(code, 0, "{arch}: {stderr}");
        assert!(stdout.contains("4 segments"), "{arch}: {stdout}");
        let bytes = fs::read(&out).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.tensor("features").unwrap().shape(), [1, features]);
        let logits = tensors.tensor("logits").unwrap();
        let values = logits.data().as_chunks().0.iter();
        let values: Vec<f32> = values.map(|&bytes| f32::from_le_bytes(bytes)).collect();
        assert_eq!(values.len(), 400);
        // Numbers that are too small or too large would cost time of their own.
        assert!(values.iter().all(|value| value.is_normal()), "{arch}");
    }
    let both = ["bench", "--arch", "full", "--weights", "demo"];
    let (code, _, stderr) = eco(folder.path(), both);
    assert!(
        code == 2 && stderr.contains("cannot be used with"),
        "{stderr}"
    );
}

#[test]
fn a_value_below_zero_is_named_with_its_flag() {
    let folder = folder();
    clip(folder.path(), "clip", 1);
    for (command, flag, value, expected) in [
        ("classify", "--from", "-1", "invalid value '-1' for '--from"),
        (
            "classify",
            "--window",
            "-1.5",
            "invalid value '-1.5' for '--window",
        ),
        ("classify", "--topk", "-1", "invalid value '-1' for '--topk"),
        ("classify", "--from", "-2s", "no value is below 0"),
        (
            "summary",
            "--segments",
            "-4",
            "invalid value '-4' for '--segments",
        ),
    ] {
        let clip = (command == "classify").then_some("clip");
        let args = [command, flag, value].into_iter().chain(clip);
        let (code, _, stderr) = eco(folder.path(), args);
        assert_eq!(code, 2, "{flag} {value}: {stderr}");
        assert!(stderr.contains(expected), "{flag} {value}: {stderr}");
        assert!(!stderr.contains("-- -"), "{flag} {value}: {stderr}");
    }
}

#[test]
fn the_advice_to_write_two_dashes_is_given_for_files_only() {
    let folder = folder();
    let told = |args: &[&str]| eco(folder.path(), args).2;
    let said = told(&["bench", "-v"]);
    assert!(
        said.contains("unexpected argument '-v'") && !said.contains("as a value"),
        "{said}"
    );
    clip(folder.path(), "-x", 1);
    let said = told(&["classify", "-x"]);
    assert!(said.contains("'-- -x'"), "{said}");
}

#[test]
fn bench_names_the_network_and_its_weights() {
    let folder = folder();
    let quick = ["bench", "--runs", "1", "--warmup", "0"];
    let demo = ["--weights", "demo", "--segments", "4", "--device", "cpu"];
    let run = |format| {
        eco(
            folder.path(),
            quick.iter().chain(&demo).chain(&["--format", format]),
        )
        .1
    };
    let text = run("text");
    let first = text.lines().next().unwrap();
    assert_eq!(first, "ECO-Lite, 6 classes, weights demo");
    assert!(
        text.lines().all(|line| line.chars().count() <= 60),
        "{text}"
    );
    let csv = run("csv");
    assert!(csv.starts_with("network,weights,engine,"), "{csv}");
    assert!(
        csv.lines()
            .skip(1)
            .all(|row| row.starts_with("ECO-Lite,demo,")),
        "{csv}"
    );
}

#[test]
fn every_command_that_can_write_json_does_so_with_format_json() {
    let folder = folder();
    clip(folder.path(), "clip", 4);
    let demo = ["--weights", "demo", "--segments", "4", "--device", "cpu"];
    fs::write(folder.path().join("empty.pth"), "").unwrap();
    for args in [
        [&["classify", "clip"], &demo[..]].concat(),
        [&["bench", "--runs", "1", "--warmup", "0"], &demo[..]].concat(),
        vec!["summary"],
        vec!["doctor"],
        vec!["load-weights", "empty.pth"],
    ] {
        let (_, stdout, stderr) = eco(folder.path(), args.iter().chain(&["--format", "json"]));
        let json: Result<Value, _> = serde_json::from_str(&stdout);
        assert!(json.is_ok(), "{args:?}: {stdout}{stderr}");
    }
    // As scripts have it that were written before.
    let (code, stdout, _) = eco(folder.path(), ["load-weights", "empty.pth", "--json"]);
    assert_eq!(code, 4);
    assert!(stdout.starts_with('{'), "{stdout}");
}

#[test]
fn the_same_wrong_value_has_the_same_exit_code_in_every_command() {
    let folder = folder();
    clip(folder.path(), "clip", 1);
    fs::write(folder.path().join("text.pth"), "no checkpoint").unwrap();
    fs::write(folder.path().join("labels.txt"), "one\ntwo\n").unwrap();
    let checkpoint = ["--weights", "text.pth"];
    let labels = ["--weights", "demo", "--labels", "labels.txt"];
    let precision = [
        "--weights",
        "demo",
        "--device",
        "cpu",
        "--precision",
        "fp16",
    ];
    let nothing = ["--weights", "nothing.pth"];
    for (code, commands) in [
        (
            4,
            vec![
                [&["classify", "clip"], &nothing[..]].concat(),
                [&["bench"], &nothing[..]].concat(),
                vec!["load-weights", "nothing.pth"],
                vec!["inspect", "nothing.pth"],
            ],
        ),
        (
            4,
            vec![
                [&["classify", "clip"], &checkpoint[..]].concat(),
                [&["bench"], &checkpoint[..]].concat(),
                [&["summary"], &checkpoint[..]].concat(),
                vec!["load-weights", "text.pth"],
                vec!["inspect", "text.pth"],
            ],
        ),
        (2, vec![[&["classify", "clip"], &labels[..]].concat()]),
        (
            2,
            vec![
                [&["classify", "clip"], &precision[..]].concat(),
                [&["bench"], &precision[..]].concat(),
            ],
        ),
        (
            2,
            vec![
                vec!["classify", "clip", "--segments", "6"],
                vec!["bench", "--segments", "6"],
                vec!["summary", "--segments", "6"],
            ],
        ),
    ] {
        for args in commands {
            let (found, _, stderr) = eco(folder.path(), &args);
            assert_eq!(found, code, "{args:?}: {stderr}");
        }
    }
}

#[test]
fn an_error_names_the_flag_that_helps() {
    let folder = folder();
    clip(folder.path(), "clip", 4);
    fs::write(folder.path().join("clip.mp4"), "a video").unwrap();
    let (_, _, stderr) = eco(folder.path(), ["classify", "clip"]);
    assert!(stderr.contains("--weights demo"), "{stderr}");
    let demo = ["classify", "clip", "--weights", "demo", "--device", "cpu"];
    for (args, flag) in [
        (&["--window", "1s"][..], "--fps RATE"),
        (&["--precision", "fp16"], "--device cuda"),
        (
            &["--engine", "winograd", "--precision", "bf16"],
            "leave --engine",
        ),
        (&["--ffmpeg", "nowhere", "clip.mp4"], "--ffmpeg PATH"),
    ] {
        let (_, _, stderr) = eco(folder.path(), demo.iter().chain(args));
        assert!(stderr.contains(flag), "{args:?}: {stderr}");
    }
}

/// Where the CPU has no AMX, the one error says what is missing and what to use; where it has, the answer says what it was
/// computed with.
#[test]
fn bfloat16_on_a_cpu_takes_amx() {
    let folder = folder();
    clip(folder.path(), "clip", 4);
    let args = [
        "classify",
        "clip",
        "--weights",
        "demo",
        "--device",
        "cpu",
        "--segments",
        "4",
        "--precision",
        "bf16",
        "--format",
        "json",
        "-v",
    ];
    let (code, stdout, stderr) = eco(folder.path(), args);
    if precisions(Device::Cpu).contains(&Precision::Bf16) {
        assert_eq!(code, 0, "{stderr}");
        let rows: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(
            (&rows[0]["engine"], &rows[0]["precision"]),
            (&"direct".into(), &"bf16".into())
        );
        assert!(stderr.contains("direct on cpu"), "{stderr}");
        return;
    }
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    for part in ["AMX-BF16, which", "fp32", "--device cuda"] {
        assert!(stderr.contains(part), "{stderr}");
    }
    assert_eq!(stderr.matches("AMX").count(), 1, "{stderr}");
}

#[test]
fn doctor_says_what_there_is_and_why_not() {
    let folder = folder();
    let found = |args: &[&str]| {
        let args = ["doctor", "--format", "json"].iter().chain(args);
        let (code, stdout, stderr) = eco(folder.path(), args);
        assert_eq!(code, 0, "{stderr}");
        let findings: Vec<Value> = serde_json::from_str(&stdout).unwrap();
        move |name: &str| {
            let finding = findings
                .iter()
                .find(|finding| finding["name"] == name)
                .unwrap();
            let what = finding["what"].as_str().unwrap().to_owned();
            (finding["found"].as_bool().unwrap(), what)
        }
    };
    let nothing = found(&["--ffmpeg", "nowhere"]);
    assert_eq!(nothing("eco"), (true, env!("CARGO_PKG_VERSION").to_owned()));
    assert!(
        nothing("engine").1.contains(" on "),
        "{}",
        nothing("engine").1
    );
    let (ffmpeg, why) = nothing("ffmpeg");
    assert!(!ffmpeg && why.contains("nowhere"), "{why}");
    let (weights, why) = nothing("weights");
    assert!(!weights && why.contains("eco load-weights"), "{why}");
    let (demo, what) = found(&["--weights", "demo"])("weights");
    assert!(demo && what.contains("6 classes"), "{what}");

    let (code, stdout, _) = eco(folder.path(), ["doctor"]);
    assert_eq!(code, 0);
    assert!(
        stdout.lines().count() == 8 && stdout.contains("\nweights   no weights were named"),
        "{stdout}"
    );
    let (libtorch, what) = nothing("libtorch");
    assert_eq!(libtorch, cfg!(feature = "libtorch"), "{what}");
}
