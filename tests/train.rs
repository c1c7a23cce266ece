//! `eco train` as its users run it.

mod driver;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use driver::{folder, output};
use image::{Rgb, RgbImage};
use safetensors::SafeTensors;
use serde_json::Value;

/// Frames of a clip.
const FRAMES: u32 = 6;
/// The classes of [`data_set`], as they are sorted.
const CLASSES: [&str; 3] = ["bottom", "stripes", "top"];

/// Draws a clip: a bright half above or below, or stripes, a little different for every number.
fn draw(directory: &Path, class: &str, number: u32) {
    fs::create_dir_all(directory).unwrap();
    for frame in 0..FRAMES {
        let mut image = RgbImage::from_pixel(80, 60, Rgb([20, 20, 30]));
        for (x, y, pixel) in image.enumerate_pixels_mut() {
            let edge = 25 + number * 2 + frame;
            let is_bright = match class {
                "top" => y < edge,
                "bottom" => y > edge,
                _ => ((x + number + frame) / 6).is_multiple_of(2),
            };
            if is_bright {
                *pixel = Rgb([200 + number as u8 * 5, 220, 180]);
            }
        }
        image
            .save(directory.join(format!("img_{:05}.png", frame + 1)))
            .unwrap();
    }
}

/// Clips of the numbers in a directory per class.
fn data_set(data: &Path, numbers: std::ops::Range<u32>) {
    for class in CLASSES {
        for number in numbers.clone() {
            draw(
                &data.join(class).join(format!("clip_{number}")),
                class,
                number,
            );
        }
    }
}

/// Trains with the demo's network and few segments, which is quick.
fn train(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command
        .args([
            "train",
            "--weights",
            "demo",
            "--segments",
            "4",
            "--device",
            "cpu",
            "--cache",
        ])
        .arg(folder.join("cache"))
        .env_remove("ECO_WEIGHTS");
    command
}

fn json(command: &mut Command) -> Value {
    let (code, stdout, stderr) = output(command.args(["--format", "json", "--quiet"]));
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// Runs a command that fails; its exit code and last line.
fn refused(command: &mut Command) -> (i32, String) {
    let (code, stdout, stderr) = output(command.arg("--quiet"));
    assert_eq!(stdout, "");
    (code, stderr.lines().last().unwrap_or_default().to_owned())
}

#[test]
fn a_network_learns_other_classes() {
    let folder = folder();
    let data = folder.path().join("data");
    data_set(&data, 0..4);
    let [first, second] =
        ["first.safetensors", "second.safetensors"].map(|name| folder.path().join(name));
    let said = json(train(folder.path()).arg(&data).arg("-o").arg(&first));
    assert_eq!(said["clips_looked_at"], 12);
    assert_eq!(
        said["training"]["clips_per_class"],
        serde_json::json!([4, 4, 4])
    );
    assert_eq!(said["training"]["judged"]["clips"], 12);
    assert_eq!(said["judged"]["top"][0]["count"], 12, "{said:#}");

    // The network did not look at anything twice, and the same samples give the same file.
    let said = json(train(folder.path()).arg(&data).arg("-o").arg(&second));
    assert_eq!(said["clips_looked_at"], 0);
    assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap());

    // The file knows its classes and how frames are prepared; a clip that it never saw is recognised.
    for class in CLASSES {
        let clip = folder.path().join("new").join(class);
        draw(&clip, class, 5);
        let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
        command
            .arg("classify")
            .arg(clip)
            .arg("--weights")
            .arg(&first);
        let (code, stdout, stderr) = output(command.args(["--format", "json", "--topk", "3"]));
        assert_eq!(code, 0, "{stderr}");
        let rows: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(rows[0]["top"][0]["label"], class);
        assert!(
            stderr.contains("segments 4, labels of 3 classes"),
            "{stderr}"
        );
    }
}

/// The bytes of each tensor of a file.
fn tensors(path: &Path) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    let bytes = fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Vec<_> = tensors
        .iter()
        .map(|(name, tensor)| {
            (
                name.to_owned(),
                tensor.shape().to_vec(),
                tensor.data().to_vec(),
            )
        })
        .collect();
    tensors.sort();
    tensors
}

#[test]
fn the_rest_of_the_network_stays_as_it_is() {
    let folder = folder();
    let data = folder.path().join("data");
    data_set(&data, 0..2);
    let path = |name: &str| folder.path().join(name);
    let with = |name: &str, extra: &[&str]| -> PathBuf {
        let path = path(name);
        json(
            train(folder.path())
                .arg(&data)
                .args(extra)
                .args(["--folds", "2", "-o"])
                .arg(&path),
        );
        path
    };
    let first = with("first.safetensors", &[]);
    // From a file instead of the demo, and with other values.
    let first_text = first.to_str().unwrap();
    let second = path("second.safetensors");
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command.args([
        "train",
        "--weights",
        first_text,
        "--penalty",
        "0.5",
        "--balance",
        "--no-cache",
    ]);
    let said = json(command.arg(&data).args(["--folds", "2", "-o"]).arg(&second));
    assert_eq!(said["training"]["start"], "first.safetensors");
    assert_eq!(said["training"]["recipe"]["penalty"], 0.5);
    assert_eq!(said["tried"], serde_json::json!([]));
    let (first, second) = (tensors(&first), tensors(&second));
    assert_eq!(first.len(), 216);
    for (one, other) in first.iter().zip(&second) {
        let is_head = one.0.starts_with("fc_final");
        assert_eq!((&one.0, &one.1), (&other.0, &other.1));
        assert_eq!(one.2 != other.2, is_head, "{}", one.0);
    }
}

#[test]
fn clips_that_cannot_be_used_stop_the_training_or_are_left_out() {
    let folder = folder();
    let data = folder.path().join("data");
    data_set(&data, 0..2);
    let broken = data.join("top/clip_1/img_00003.png");
    fs::write(&broken, "no picture").unwrap();
    let output = folder.path().join("my.safetensors");
    let command = |extra: &[&str]| {
        let mut command = train(folder.path());
        command
            .arg(&data)
            .args(["--folds", "2", "-o"])
            .arg(&output)
            .args(extra);
        command
    };
    let (code, error) = refused(&mut command(&[]));
    assert_eq!(code, 1);
    assert!(
        error.starts_with("eco: 1 of 6 clips cannot be used; the first: "),
        "{error}"
    );
    assert!(
        error.contains("img_00003.png") && !output.exists(),
        "{error}"
    );
    let said = json(&mut command(&["--unusable", "skip"]));
    assert_eq!(said["failures"].as_array().unwrap().len(), 1);
    assert_eq!(
        said["training"]["clips_per_class"],
        serde_json::json!([2, 2, 1])
    );
    // The five others were looked at by the run that failed; this one could be better by now.
    assert_eq!(said["clips_looked_at"], 1);
    // A clip that is mended is another one.
    draw(&data.join("top/clip_1"), "top", 1);
    assert_eq!(json(&mut command(&[]))["clips_looked_at"], 1);
}

#[test]
fn clips_are_judged_that_were_not_fitted_to() {
    let folder = folder();
    let [data, val] = ["data", "val"].map(|name| folder.path().join(name));
    data_set(&data, 0..5);
    data_set(&val, 5..7);
    let output = folder.path().join("my.safetensors");
    let with = |val: &str| {
        let mut command = train(folder.path());
        command.arg(&data).args(["--val", val, "-o"]).arg(&output);
        command
    };
    let said = json(&mut with(val.to_str().unwrap()));
    assert_eq!(said["training"]["clips"], 15);
    assert_eq!(said["training"]["judged"]["clips"], 6);
    let said = json(&mut with("20%"));
    assert_eq!(
        said["training"]["clips_per_class"],
        serde_json::json!([4, 4, 4])
    );
    assert_eq!(said["training"]["judged"]["clips"], 3);
    let (code, error) = refused(&mut with(data.to_str().unwrap()));
    assert_eq!(code, 2);
    assert!(error.contains("is in DATA and in --val"), "{error}");
    // All clips are of one group: none can be held back.
    let list = folder.path().join("list.csv");
    let clips = CLASSES.map(|class| format!("data/{class}/clip_0,{class},anna\n"));
    fs::write(&list, format!("path,label,subject\n{}", clips.concat())).unwrap();
    let mut command = train(folder.path());
    let (code, error) = refused(command.arg(list).arg("-o").arg(&output));
    assert_eq!(code, 2);
    assert!(
        error.contains("3 clips (1 group, by a column of the list): none can be held back"),
        "{error}"
    );
    let (code, error) = refused(&mut with("100%"));
    assert_eq!((code, &error[..24]), (2, "eco: --val 100% leaves n"));
}

#[test]
fn variations_are_fitted_to_and_mirrored_where_no_class_knows_left_from_right() {
    let folder = folder();
    let data = folder.path().join("data");
    data_set(&data, 0..2);
    let file = folder.path().join("my.safetensors");
    let with = |extra: &[&str]| {
        let mut command = train(folder.path());
        command
            .arg(&data)
            .args(["--folds", "2", "-o"])
            .arg(&file)
            .args(extra);
        json(&mut command)
    };
    let said = with(&["--views", "2"]);
    assert_eq!(said["training"]["recipe"]["mirror"], true);
    assert_eq!(said["training"]["recipe"]["views"], 2);
    assert_eq!(
        (&said["clips_looked_at"], &said["training"]["clips"]),
        (&6.into(), &6.into())
    );
    let varied = fs::read(&file).unwrap();
    assert_eq!(with(&["--views", "2"])["clips_looked_at"], 0);
    assert!(fs::read(&file).unwrap() == varied);
    // The clips as they are, and one of the variations, are known; others are drawn by another seed.
    assert_eq!(with(&[])["clips_looked_at"], 0);
    assert!(fs::read(&file).unwrap() != varied);
    assert_eq!(with(&["--views", "1"])["clips_looked_at"], 0);
    assert_eq!(with(&["--views", "1", "--seed", "1"])["clips_looked_at"], 6);

    fs::rename(data.join("top"), data.join("Turning left")).unwrap();
    let mut command = train(folder.path());
    command
        .arg(&data)
        .args(["--folds", "2", "--views", "1", "--format", "json", "-o"])
        .arg(&file);
    let (_, stdout, stderr) = output(&mut command);
    let said: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(said["training"]["recipe"]["mirror"], false);
    assert!(
        stderr.contains("views are not mirrored, as \"Turning left\" is one of the classes"),
        "{stderr}"
    );
}

#[test]
fn what_cannot_be_meant_is_refused_before_the_work() {
    let folder = folder();
    let data = folder.path().join("data");
    data_set(&data, 0..2);
    let list = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text.replace("DATA", data.to_str().unwrap())).unwrap();
        path
    };
    let numbers = list("numbers.txt", "DATA/top/clip_0 0\nDATA/top/clip_1 2\n");
    let one = list("one.txt", "DATA/top/clip_0 up\nDATA/top/clip_1 up\n");
    let spelling = list(
        "spelling.csv",
        "path,label\nDATA/top/clip_0,Going up\nDATA/top/clip_1,going_up\n",
    );
    let names = list("names.txt", "bottom\nstripes\ntop\nleft\n");
    let output = folder.path().join("my.safetensors");
    let refuses = |input: &Path, extra: &[&str], message: &str| {
        let mut command = train(folder.path());
        let (code, error) = refused(command.arg(input).arg("-o").arg(&output).args(extra));
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(message), "{error}");
        assert!(!output.exists() && !folder.path().join("cache").exists());
    };
    refuses(
        &numbers,
        &[],
        "no clip shows class 1: 1 of 3 classes have none",
    );
    refuses(&one, &[], "all clips show the same class");
    refuses(&spelling, &[], "differ in spelling alone");
    refuses(
        &data,
        &["--labels", names.to_str().unwrap()],
        "no clip shows class 3 (\"left\")",
    );
    refuses(&data, &["--fps", "25"], "--fps has no effect here");
    refuses(&data, &["--group-by", "("], "is no regular expression");
    refuses(
        &data,
        &["--group-by", "person_[0-9]+"],
        "is not found in 6 of 6 paths",
    );
    let nowhere = folder.path().join("nowhere/my.safetensors");
    let mut command = train(folder.path());
    let (code, error) = refused(command.arg(&data).arg("-o").arg(nowhere));
    assert!(code == 1 && error.contains("nowhere"), "{error}");
    assert!(!folder.path().join("cache").exists());
    let mut command = train(folder.path());
    let (code, error) = refused(command.arg(&data).args(["-o", "my.pth"]));
    assert_eq!(code, 2);
    assert!(error.contains("name it so: my.safetensors"), "{error}");
}
