//! `eco train --tune last` and `--tune all` as their users run them.

mod driver;
mod tools;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use driver::{folder, output};
use image::{Rgb, RgbImage};
use safetensors::SafeTensors;
use serde_json::Value;

/// Frames of a clip.
const FRAMES: i64 = 8;
/// Plain motions of a disc.
const MOTIONS: [&str; 6] = ["down", "grow", "left", "right", "shrink", "up"];

/// Draws a clip of a motion: a bright disc that begins elsewhere and is of another colour and size for every number.
fn draw(directory: &Path, motion: &str, number: i64) {
    fs::create_dir_all(directory).unwrap();
    let away = 4 * (number % 3) - 4;
    let colour = [
        180 + (number * 23 % 70) as u8,
        120 + (number * 41 % 120) as u8,
        90 + (number * 67 % 150) as u8,
    ];
    for frame in 0..FRAMES {
        let (moved, size) = (7 * frame - 24, 12 + number % 4);
        let (x, y, radius) = match motion {
            "left" => (-moved, away, size),
            "right" => (moved, away, size),
            "up" => (away, -moved, size),
            "down" => (away, moved, size),
            "grow" => (away, -away, 4 + 3 * frame),
            _ => (away, -away, 4 + 3 * (FRAMES - 1 - frame)),
        };
        let mut image = RgbImage::from_pixel(96, 96, Rgb([18 + number as u8, 24, 30]));
        for (column, row, pixel) in image.enumerate_pixels_mut() {
            let (dx, dy) = (i64::from(column) - 48 - x, i64::from(row) - 48 - y);
            if dx * dx + dy * dy <= radius * radius {
                *pixel = Rgb(colour);
            }
        }
        image
            .save(directory.join(format!("img_{:05}.png", frame + 1)))
            .unwrap();
    }
}

/// Clips of the numbers in a directory per class.
fn data_set(data: &Path, motions: &[&str], numbers: std::ops::Range<i64>) {
    for motion in motions {
        for number in numbers.clone() {
            draw(
                &data.join(motion).join(format!("clip_{number}")),
                motion,
                number,
            );
        }
    }
}

/// Fits the demo's network with few segments, which is quick.
fn train(folder: &Path, tune: &str) -> Command {
    train_from("demo".as_ref(), folder, tune)
}

/// Fits the network of `weights`.
fn train_from(weights: &Path, folder: &Path, tune: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command
        .args(["train", "--segments", "4", "--weights"])
        .arg(weights)
        .args(["--device", "cpu", "--tune", tune, "--cache"])
        .arg(folder.join("cache"))
        .arg(folder.join("data"))
        .env_remove("ECO_WEIGHTS");
    command
}

fn json(command: &mut Command) -> Value {
    let (code, stdout, stderr) = output(command.args(["--format", "json"]));
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// Runs a command that fails; its exit code and last line.
fn refused(command: &mut Command) -> (i32, String) {
    let (code, stdout, stderr) = output(command);
    assert_eq!(stdout, "");
    (code, stderr.lines().last().unwrap_or_default().to_owned())
}

/// The largest difference between the values of a tensor in two files.
fn difference(a: &[u8], b: &[u8], name: &str) -> f32 {
    let values = |file: &[u8]| -> Vec<f32> {
        let file = SafeTensors::deserialize(file).unwrap();
        let bytes = file.tensor(name).unwrap().data().to_vec();
        let values = bytes.as_chunks().0.iter();
        values.map(|&value| f32::from_le_bytes(value)).collect()
    };
    let (a, b) = (values(a), values(b));
    a.iter()
        .zip(b)
        .fold(0.0, |most, (a, b)| most.max((a - b).abs()))
}

/// Whether a tensor of a file is what it is in another one.
fn is_same(a: &[u8], b: &[u8], name: &str) -> bool {
    let [a, b] = [a, b].map(|file| SafeTensors::deserialize(file).unwrap());
    a.tensor(name).unwrap().data() == b.tensor(name).unwrap().data()
}

#[test]
fn six_motions_are_learnt_from_a_random_start() {
    let folder = folder();
    data_set(&folder.path().join("data"), &MOTIONS, 0..8);
    let test = folder.path().join("test");
    data_set(&test, &MOTIONS, 20..22);
    let written = folder.path().join("motions.safetensors");
    let said = json(
        train(folder.path(), "last")
            .args(["--epochs", "20", "--views", "1", "--val"])
            .arg(&test)
            .arg("-o")
            .arg(&written),
    );
    assert_eq!(said["training"]["clips"], 48);
    let epochs = said["epochs"].as_array().unwrap();
    let first = epochs[0]["loss"].as_f64().unwrap();
    let last = epochs.last().unwrap()["loss"].as_f64().unwrap();
    assert!(last < 0.75 * first, "{first} {last}");
    let right = said["judged"]["top"][0]["count"].as_u64().unwrap();
    assert!(right >= 10, "{right} of 12: {said:#}");

    // What was said is what the file does: it is judged again by the program that everybody uses.
    let mut evaluate = Command::new(env!("CARGO_BIN_EXE_eco"));
    evaluate.args(["evaluate", "--weights"]);
    let again = json(evaluate.arg(&written).arg(&test));
    assert_eq!(again["top"][0]["count"], right);
    // Nothing that a finished training does not need is left.
    assert!(
        !folder
            .path()
            .join("motions.checkpoint.safetensors")
            .exists()
    );
}

#[test]
fn a_training_that_was_stopped_goes_on_as_if_it_had_not() {
    let folder = folder();
    data_set(&folder.path().join("data"), &MOTIONS[..2], 0..6);
    let [whole, parts] =
        ["whole", "parts"].map(|name| folder.path().join(name).with_extension("safetensors"));
    let flags = ["--epochs", "4", "--set", "batch=2", "--set", "accumulate=1"];
    let said = json(
        train(folder.path(), "last")
            .args(flags)
            .arg("-o")
            .arg(&whole),
    );

    // It is stopped in its second epoch.
    let mut child = train(folder.path(), "last")
        .args(flags)
        .arg("-o")
        .arg(&parts)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let is_first = |line: &std::io::Result<String>| line.as_ref().unwrap().starts_with("epoch 1/4");
    assert!(stderr.any(|line| is_first(&line)));
    let mut kill = Command::new("kill");
    kill.args(["-TERM", &child.id().to_string()]);
    assert!(kill.status().unwrap().success());
    let last = stderr.last().unwrap().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143), "{last}");
    assert!(
        last.contains("the same command with --resume goes on"),
        "{last}"
    );
    assert!(!parts.exists());
    let state = folder.path().join("parts.checkpoint.safetensors");
    assert!(state.exists());

    // Neither does another command write over it, nor does it go on with another recipe or other clips.
    let (code, message) = refused(
        train(folder.path(), "last")
            .args(flags)
            .arg("-o")
            .arg(&parts),
    );
    assert_eq!(code, 2);
    assert!(message.contains("--resume goes on with it"), "{message}");
    let mut other = train(folder.path(), "last");
    let other = other
        .args(flags)
        .args(["--set", "momentum=0.8", "--resume", "-o"]);
    let (code, message) = refused(other.arg(&parts));
    assert_eq!(code, 2);
    assert!(
        message.ends_with("another recipe: momentum 0.9 instead of 0.8"),
        "{message}"
    );
    let mut other = train(folder.path(), "last");
    let (code, message) = refused(
        other
            .args(flags)
            .args(["--val", "40%", "--resume", "-o"])
            .arg(&parts),
    );
    assert_eq!(code, 2);
    assert!(message.contains("other clips"), "{message}");

    let gone_on = json(
        train(folder.path(), "last")
            .args(flags)
            .args(["--resume", "-o"])
            .arg(&parts),
    );
    assert!(fs::read(&whole).unwrap() == fs::read(&parts).unwrap());
    let told = |said: &Value| -> Vec<[Value; 3]> {
        let epochs = said["epochs"].as_array().unwrap().iter();
        epochs
            .map(|epoch| ["loss", "top_1", "judged"].map(|name| epoch[name].clone()))
            .collect()
    };
    assert_eq!(told(&said), told(&gone_on));
    assert!(!state.exists());
    let (code, message) = refused(
        train(folder.path(), "last")
            .args(["--resume", "-o"])
            .arg(&parts),
    );
    assert_eq!(code, 2);
    assert!(
        message.contains("there is nothing to go on from"),
        "{message}"
    );
}

#[test]
fn last_leaves_the_beginning_as_it_was_and_all_does_not() {
    let folder = folder();
    data_set(&folder.path().join("data"), &MOTIONS[..2], 0..3);
    let [head, last, all] = ["head", "last", "all"].map(|tune| {
        let written = folder.path().join(tune).with_extension("safetensors");
        let mut command = train(folder.path(), tune);
        if tune != "head" {
            command.args(["--epochs", "1", "--set", "warm_up=0"]);
        }
        json(command.args(["--val", "34%", "-o"]).arg(&written));
        fs::read(written).unwrap()
    });
    let first = "eco_2d.basic_conv.conv1_7x7_s2.weight";
    let statistics = "eco_3d.res_3d_3.res3a_bn.running_mean";
    let stage = "eco_3d.res_3d_5.res5b_2.weight";
    assert!(is_same(&head, &last, first) && is_same(&head, &last, statistics));
    assert!(!is_same(&head, &last, stage) && !is_same(&head, &last, "fc_final.weight"));
    assert!(!is_same(&head, &all, first) && !is_same(&head, &all, stage));

    // The classes are the same, so the head goes on from the other one, as a fit shows that learns nothing.
    let start = folder.path().join("head.safetensors");
    let written = folder.path().join("again.safetensors");
    let mut again = train_from(&start, folder.path(), "last");
    again.args(["--epochs", "1", "--set", "warm_up=0", "--val", "34%"]);
    again
        .args(["--set", "learning_rate=1e-30", "-o"])
        .arg(&written);
    let (code, _, stderr) = output(&mut again);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("the head goes on from the weights'"),
        "{stderr}"
    );
    let again = fs::read(&written).unwrap();
    assert!(difference(&head, &again, "fc_final.weight") < 1e-20);
}

#[test]
fn clips_that_cannot_be_decoded_end_the_training_or_are_left_out() {
    let folder = folder();
    let data = folder.path().join("data");
    data_set(&data, &MOTIONS[..2], 0..4);
    let broken = data.join("down").join("clip_1");
    for frame in 1..=FRAMES {
        fs::write(broken.join(format!("img_{frame:05}.png")), b"no picture").unwrap();
    }
    let written = folder.path().join("a.safetensors");
    for views in ["1", "new"] {
        let mut command = train(folder.path(), "last");
        command
            .args([
                "--epochs",
                "2",
                "--views",
                views,
                "--set",
                "warm_up=1",
                "-o",
            ])
            .arg(&written);
        let (code, message) = refused(&mut command);
        assert_eq!(code, 1);
        assert!(message.contains("clip_1 cannot be used"), "{message}");
        assert!(
            message.contains("--unusable skip leaves such clips out"),
            "{message}"
        );
        assert!(!written.exists());
        let said = json(command.args(["--unusable", "skip"]));
        assert_eq!(said["failures"].as_array().unwrap().len(), 1, "{said:#}");
        let counted: u64 = said["training"]["clips"].as_u64().unwrap()
            + said["training"]["judged"]["clips"].as_u64().unwrap();
        assert_eq!(counted, 7, "{said:#}");
        fs::remove_file(&written).unwrap();
    }
}

#[test]
fn a_loss_that_is_no_number_ends_the_training() {
    let folder = folder();
    data_set(&folder.path().join("data"), &MOTIONS[..2], 0..4);
    let written = folder.path().join("a.safetensors");
    let mut command = train(folder.path(), "last");
    command.args([
        "--set",
        "learning_rate=1e20",
        "--set",
        "warm_up=0",
        "--set",
        "clip=none",
        "--set",
        "batch=2",
        "-o",
    ]);
    let (code, message) = refused(command.arg(&written));
    assert_eq!(code, 1);
    assert!(message.contains("--set learning_rate=3.3e19"), "{message}");
    assert!(message.contains(" of epoch 1: the "), "{message}");
    assert!(!written.exists() && folder.path().join("a.checkpoint.safetensors").exists());
}

#[test]
fn recipes_are_shown_and_every_value_can_be_set() {
    let recipe = |flags: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
        command
            .args(["train", "--weights", "demo", "--show-recipe"])
            .args(flags);
        json(&mut command)
    };
    let small = recipe(&["--tune", "last"]);
    assert_eq!(
        (&small["head_rate"], &small["schedule"]),
        (&10.0.into(), &"cosine".into())
    );
    let official = recipe(&["--tune", "all", "--preset", "official", "--seed", "7"]);
    assert_eq!(
        (&official["patience"], &official["views"]),
        (&5.into(), &"new".into())
    );
    assert_eq!(
        (&official["tune"], &official["seed"]),
        (&"all".into(), &7.into())
    );
    let set = recipe(&[
        "--tune",
        "last",
        "--set",
        "schedule=plateau",
        "--set",
        "factor=0.5",
        "--set",
        "dropout.head=0",
        "--views",
        "new",
    ]);
    assert_eq!(
        (&set["factor"], &set["dropout.head"], &set["views"]),
        (&0.5.into(), &0.0.into(), &"new".into())
    );
    assert_eq!(recipe(&[])["penalty"], "the best of at most eleven");

    let wrong = |flags: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
        command
            .args(["train", "--weights", "demo", "--show-recipe"])
            .args(flags);
        let (code, message) = refused(&mut command);
        assert_eq!(code, 2, "{message}");
        message
    };
    assert!(
        wrong(&["--tune", "last", "--set", "rate=1"])
            .contains("no value \"rate\"; it has accumulate, ")
    );
    assert!(
        wrong(&["--tune", "last", "--set", "momentum=2"])
            .contains("momentum is 2: it must be from 0 to below 1")
    );
    assert!(wrong(&["--tune", "last", "--set", "momentum"]).contains("expected NAME=VALUE"));
    assert!(wrong(&["--tune", "last", "--set", "epochs=3"]).contains("that is --epochs"));
    assert!(wrong(&["--set", "momentum=0.8"]).contains("no effect with --tune head"));
    assert!(wrong(&["--tune", "all", "--penalty", "1"]).contains("no effect with --tune all"));
}

#[test]
fn mirror_images_may_be_of_another_class() {
    let folder = folder();
    data_set(&folder.path().join("data"), &["left", "right", "up"], 0..4);
    let written = folder.path().join("a.safetensors");
    let fit = |flags: &[&str]| {
        let mut command = train(folder.path(), "head");
        command
            .args(["--views", "6", "--val", "25%", "-o"])
            .arg(&written)
            .args(flags);
        let (code, stdout, stderr) = output(command.args(["--format", "json"]));
        assert_eq!(code, 0, "{stderr}");
        let said: Value = serde_json::from_str(&stdout).unwrap();
        (said["training"]["recipe"]["mirror"].clone(), stderr)
    };
    let (mirror, stderr) = fit(&[]);
    assert_eq!(mirror, false);
    assert!(
        stderr.contains("views are not mirrored, as \"left\""),
        "{stderr}"
    );
    let (mirror, stderr) = fit(&["--flip-pairs", "left=right"]);
    assert_eq!(mirror, true, "{stderr}");
    let with_pairs = fs::read(&written).unwrap();
    fit(&["--mirror", "on"]);
    assert!(!is_same(
        &with_pairs,
        &fs::read(&written).unwrap(),
        "fc_final.weight"
    ));
    let mut command = train(folder.path(), "head");
    let (code, message) = refused(
        command
            .args(["--views", "6", "--flip-pairs", "left=down", "-o"])
            .arg(&written),
    );
    assert_eq!(code, 2);
    assert!(
        message.contains("does not name two of the classes"),
        "{message}"
    );
}
