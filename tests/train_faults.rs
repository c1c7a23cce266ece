//! What `eco train` does where something is wrong: nothing is lost without a word, and nothing is called good that is not.

mod driver;
mod tools;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use driver::{clip, folder, output};
use eco::weights::{Checkpoint, RawTensor};

const FRAMES: u32 = 4;

/// Two classes of three clips to fit to, and of one clip to judge by.
fn data_set(folder: &Path) {
    for class in ["a", "b"] {
        for number in 0..3 {
            clip(&folder.join("data").join(class), number.to_string(), FRAMES);
        }
        clip(&folder.join("val").join(class), "9", FRAMES);
    }
}

fn spoil(clip: &Path) {
    for frame in 1..=FRAMES {
        fs::write(clip.join(format!("img_{frame}.png")), "no picture").unwrap();
    }
}

/// Fits with few frames, which is quick.
fn add_flags(command: &mut Command, folder: &Path, weights: &Path, tune: &str) {
    command
        .args(["train", "--segments", "4", "--device", "cpu"])
        .args(["--tune", tune, "--weights"])
        .arg(weights)
        .arg(folder.join("data"))
        .arg("--val")
        .arg(folder.join("val"))
        .arg("-o")
        .arg(folder.join("x.safetensors"))
        .env_remove("ECO_WEIGHTS")
        .env("XDG_CACHE_HOME", folder.join("cache"));
    if tune != "head" {
        command.args(["--views", "0", "--epochs", "1"]);
    }
}

fn train_from(weights: &Path, folder: &Path, tune: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    add_flags(&mut command, folder, weights, tune);
    command
}

fn train(folder: &Path, tune: &str) -> Command {
    train_from("demo".as_ref(), folder, tune)
}

/// Runs a command that fails with this code; what it says.
fn refused(command: &mut Command, expected: i32) -> String {
    let (code, stdout, stderr) = output(command);
    assert_eq!((code, &stdout[..]), (expected, ""), "{stderr}");
    stderr
}

fn state(folder: &Path) -> PathBuf {
    folder.join("x.checkpoint.safetensors")
}

/// A head for the two classes.
fn head(folder: &Path) -> PathBuf {
    let (code, _, stderr) = output(&mut train(folder, "head"));
    assert_eq!(code, 0, "{stderr}");
    let head = folder.join("head.safetensors");
    fs::rename(folder.join("x.safetensors"), &head).unwrap();
    head
}

/// Writes weights again with other tensors: `change` gives the bytes that each is to have, or `None` to leave it out.
fn changed(
    weights: &Path,
    to: &Path,
    mut change: impl FnMut(&str, Vec<u8>) -> Option<Vec<u8>>,
) -> PathBuf {
    let file = Checkpoint::open(weights).unwrap();
    let mut tensors = Vec::new();
    for (index, info) in file.tensors().iter().enumerate() {
        let tensor = file.read(index).unwrap();
        if let Some(data) = change(&info.name, tensor.data.into_owned()) {
            let tensor = RawTensor {
                dtype: tensor.dtype,
                shape: tensor.shape,
                data: data.into(),
            };
            tensors.push((info.name.clone(), tensor));
        }
    }
    let metadata: BTreeMap<String, String> = file.metadata().clone();
    eco::weights::write(to, &tensors, &metadata).unwrap();
    to.to_owned()
}

#[test]
fn a_network_whose_answers_are_no_numbers_is_never_the_best() {
    let folder = folder();
    data_set(folder.path());
    let mut command = train(folder.path(), "last");
    let said = refused(command.args(["--set", "learning_rate=1e30"]), 1);
    assert!(said.contains("after step 1 of epoch 1: the "), "{said}");
    assert!(
        said.contains("such as --set learning_rate=3.3e29, in a new training"),
        "{said}"
    );
    assert!(
        !said.contains("best") && !said.contains("--resume"),
        "{said}"
    );
    assert!(!folder.path().join("x.safetensors").exists());
    assert!(!state(folder.path()).exists());
    // What took long is kept, and that is said.
    assert!(
        said.contains("eco: the maps stay for another run, "),
        "{said}"
    );
    let maps = fs::read_dir(folder.path().join("cache/eco")).unwrap();
    let maps: Vec<PathBuf> = maps.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(maps.len(), 1, "{maps:?}");
    assert!(said.contains(&maps[0].display().to_string()), "{said}");
    // A run that comes to an end leaves none.
    let (code, _, stderr) = output(&mut train(folder.path(), "last"));
    assert_eq!(code, 0, "{stderr}");
    assert!(!maps[0].exists());
}

#[test]
fn a_state_is_gone_on_from_with_the_same_input_only() {
    let folder = folder();
    data_set(folder.path());
    let broken = folder.path().join("val/a/9");
    spoil(&broken);
    let said = refused(train(folder.path(), "last").arg("--no-cache"), 1);
    assert!(said.contains("9 cannot be used"), "{said}");
    assert!(
        said.contains("the same command with --resume goes on"),
        "{said}"
    );
    assert!(state(folder.path()).exists());
    for (flags, difference) in [
        (
            ["--preprocess", "caffe"],
            "preprocess official instead of caffe",
        ),
        (
            ["--sampling", "caffe"],
            "sampling official instead of caffe",
        ),
        (["--segments", "8"], "segments 4 instead of 8"),
        (
            ["--frames", "img_*.png"],
            "frames none instead of img_*.png",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
        add_flags(&mut command, folder.path(), "demo".as_ref(), "last");
        let mut args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        if flags[0] == "--segments" {
            args.retain(|arg| arg != "--segments" && arg != "4");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
        command
            .args(args)
            .args(["--no-cache", "--resume"])
            .args(flags);
        let said = refused(command.env_remove("ECO_WEIGHTS"), 2);
        let last = said.lines().last().unwrap();
        assert!(
            last.ends_with(&format!("looks at clips otherwise: {difference}")),
            "{said}"
        );
    }
    clip(&folder.path().join("val/a"), "9", FRAMES);
    let mut command = train(folder.path(), "last");
    let (code, _, stderr) = output(command.args(["--no-cache", "--resume"]));
    assert_eq!(code, 0, "{stderr}");
    assert!(!state(folder.path()).exists());
}

#[test]
fn what_is_no_state_of_a_training_is_said_to_be_none() {
    let folder = folder();
    data_set(folder.path());
    let head = head(folder.path());
    let whole = fs::read(&head).unwrap();
    let advice = "move it away, and begin anew without --resume";
    for (content, expected) in [
        (
            &whole[..],
            "is no state of a training: it has tensors without",
        ),
        (
            &whole[..1000],
            "is no state of a training, or an incomplete one: ",
        ),
    ] {
        fs::write(state(folder.path()), content).unwrap();
        let said = refused(train(folder.path(), "last").arg("--resume"), 4);
        let last = said.lines().last().unwrap();
        assert!(last.contains(expected) && last.ends_with(advice), "{said}");
        assert!(!said.contains("download"), "{said}");
    }
}

#[test]
fn weights_with_values_that_are_no_numbers_are_no_start() {
    let folder = folder();
    data_set(folder.path());
    let head = head(folder.path());
    let name = "eco_3d.res_3d_5.res5b_2.weight";
    let bad = folder.path().join("bad.safetensors");
    let bad = changed(&head, &bad, |found, mut data| {
        if found == name {
            data[..4].copy_from_slice(&f32::NAN.to_le_bytes());
            data[8..12].copy_from_slice(&f32::INFINITY.to_le_bytes());
        }
        Some(data)
    });
    for tune in ["head", "last", "all"] {
        let said = refused(&mut train_from(&bad, folder.path(), tune), 3);
        let expected =
            format!("2 of the weights' values are NaN or infinite, the first of them in {name}");
        assert!(said.contains(&expected), "{said}");
        assert!(!folder.path().join("x.safetensors").exists());
    }
}

#[test]
fn a_head_is_kept_where_other_tensors_are_lacking() {
    let folder = folder();
    data_set(folder.path());
    let head = head(folder.path());
    let partial = folder.path().join("partial.safetensors");
    let lacking = "eco_3d.res_3d_5.res5b_2.weight";
    let partial = changed(&head, &partial, |name, data| {
        (name != lacking).then_some(data)
    });
    let mut command = train_from(&partial, folder.path(), "last");
    let (code, _, stderr) = output(command.args(["--set", "learning_rate=1e-30"]));
    assert_eq!(code, 0, "{stderr}");
    let said = "eco: the head goes on from the weights', as the classes are the same; 1 tensor that the weights lack is new";
    assert!(stderr.lines().any(|line| line == said), "{stderr}");
    let head_of = |path: &Path| {
        let weights = eco::weights::Weights::open(path).unwrap();
        weights.floats("fc_final.weight").unwrap().into_owned()
    };
    let (before, after) = (
        head_of(&head),
        head_of(&folder.path().join("x.safetensors")),
    );
    let largest = before.iter().zip(&after).map(|(a, b)| (a - b).abs());
    assert!(largest.fold(0.0, f32::max) < 1e-20);
}

#[cfg(unix)]
#[test]
fn a_state_that_cannot_be_written_is_said_to_be_lost() {
    let folder = folder();
    data_set(folder.path());
    spoil(&folder.path().join("val/a/9"));
    // The state takes more than 400 MB.
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 100000; exec \"$@\"";
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_eco")]);
    add_flags(&mut command, folder.path(), "demo".as_ref(), "last");
    let said = refused(command.arg("--no-cache"), 1);
    assert!(said.contains("cannot write "), "{said}");
    assert!(said.contains("x.checkpoint.safetensors"), "{said}");
    assert!(
        said.trim_end().ends_with("; what was learnt is lost"),
        "{said}"
    );
    assert!(!state(folder.path()).exists());
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_learnt_is_told_before_a_page_fails() {
    let folder = folder();
    data_set(folder.path());
    for tune in ["head", "last"] {
        let mut command = train(folder.path(), tune);
        let (code, stdout, stderr) = output(command.args(["--report", "/dev/full"]));
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains("cannot write /dev/full"), "{stderr}");
        assert!(
            stdout.contains("top-1") && stdout.contains("written"),
            "{stdout}"
        );
        assert!(folder.path().join("x.safetensors").exists());
    }
}

/// What `--show-recipe` writes with these flags, in a home without weights.
fn recipe(flags: &[&str]) -> (i32, String, String) {
    let home = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command
        .args(["train", "--show-recipe", "--tune", "last"])
        .args(flags)
        .env("HOME", home.path())
        .env("XDG_DATA_HOME", home.path())
        .env_remove("ECO_WEIGHTS");
    output(&mut command)
}

/// A value of a recipe that is shown.
fn value<'s>(shown: &'s str, name: &str) -> &'s str {
    let line = shown.lines().find(|line| line.starts_with(name)).unwrap();
    line[name.len()..].trim_start()
}

#[test]
fn a_recipe_is_shown_without_weights() {
    let (code, stdout, stderr) = recipe(&[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("the recipe is that for ECO-Lite"),
        "{stderr}"
    );
    assert_eq!(value(&stdout, "warm_up"), "2.0");
    let (code, _, stderr) = recipe(&["--weights", "/none.safetensors"]);
    assert_eq!(code, 4, "{stderr}");
    // What is wrong with a value is said whatever the weights are.
    let (code, _, stderr) = recipe(&["--weights", "/none.safetensors", "--set", "momentum=abc"]);
    assert_eq!(code, 2);
    let said = "eco: --set \"momentum=abc\": momentum cannot be \"abc\": it must be a number\n";
    assert_eq!(stderr, said);
}

#[test]
fn the_warm_up_of_a_preset_fits_and_one_that_is_set_must() {
    let shown = |flags: &[&str]| {
        let (code, stdout, stderr) = recipe(flags);
        assert_eq!(code, 0, "{stderr}");
        value(&stdout, "warm_up").to_owned()
    };
    assert_eq!(shown(&["--epochs", "1"]), "0.0");
    assert_eq!(shown(&["--epochs", "2"]), "1.0");
    assert_eq!(shown(&["--epochs", "2", "--set", "warm_up=0.5"]), "0.5");
    let (code, _, stderr) = recipe(&["--epochs", "2", "--set", "warm_up=2"]);
    assert_eq!(code, 2);
    let said = "warm_up is 2: it must be 0 or above and fewer than the epochs";
    assert!(stderr.contains(said), "{stderr}");
}

#[test]
fn names_that_can_be_set_are_told() {
    let (code, _, stderr) = recipe(&["--set", "rate=1"]);
    assert_eq!(code, 2);
    let (_, names) = stderr.trim_end().split_once("it has ").unwrap();
    let names: Vec<&str> = names.split(", ").collect();
    assert!(names.contains(&"dropout.head") && names.contains(&"schedule"));
    for flag in ["tune", "epochs", "views", "mirror", "precision", "seed"] {
        assert!(!names.contains(&flag), "{stderr}");
    }
    let (code, _, stderr) = recipe(&["--set", "factor=0.5"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("another one: --set schedule=plateau"),
        "{stderr}"
    );
    // In any order.
    let (code, stdout, stderr) = recipe(&["--set", "factor=0.5", "--set", "schedule=plateau"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(value(&stdout, "factor"), "0.5");
}
