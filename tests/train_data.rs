//! The clips that `eco train` takes, and those that it refuses before any work.

mod driver;
mod tools;

use std::fs;
use std::path::Path;
use std::process::Command;

use driver::{clip, folder, output};
use serde_json::Value;

/// Trains a head on few segments; the paths of `args` begin in `folder`.
fn train(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command
        .args(["train", "--weights", "demo", "--segments", "4"])
        .args(["--device", "cpu", "--cache", "cache"])
        .args(args)
        .current_dir(folder)
        .env_remove("ECO_WEIGHTS");
    if !args.contains(&"-o") {
        command.args(["-o", "my.safetensors"]);
    }
    command
}

/// What is said about a training that is refused before any work.
fn refused(folder: &Path, args: &[&str]) -> String {
    let (code, stdout, stderr) = output(&mut train(folder, args));
    assert_eq!((code, &stdout[..]), (2, ""), "{args:?}: {stderr}");
    assert!(!folder.join("cache").exists(), "{args:?}: {stderr}");
    assert!(!folder.join("my.safetensors").exists());
    stderr.lines().last().unwrap_or_default().to_owned()
}

fn json(command: &mut Command) -> Value {
    let (code, stdout, stderr) = output(command.args(["--format", "json"]));
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// Clips `CLASS/NAME` below `folder`, of six frames.
fn clips(folder: &Path, classes: &[&str], names: &[&str]) {
    for class in classes {
        for name in names {
            clip(folder, format!("{class}/{name}"), 6);
        }
    }
}

#[test]
fn groups_are_never_on_both_sides() {
    let folder = folder();
    let folder = folder.path();
    for (side, clip) in [("ua", "c01"), ("ub", "c02")] {
        let names = [1, 2, 3].map(|group| format!("v_x_g0{group}_{clip}"));
        let names = names.each_ref().map(|name| &name[..]);
        clips(&folder.join(side), &["run", "walk"], &names);
    }
    let error = refused(folder, &["ua", "--val", "ub"]);
    for part in [
        "3 of 3 groups, by their names",
        "such as \"g01\" (2 clips and 2 clips)",
        "--group-by none takes each clip by itself",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let said = json(&mut train(
        folder,
        &["ua", "--val", "ub", "--group-by", "none"],
    ));
    assert_eq!(said["training"]["judged"]["how"], "the clips of --val");

    // The same for groups that lists state.
    let list = |name: &str, side: &str, subjects: [&str; 2]| {
        let row = |class: &str, group: u8| {
            let (clip, subject) = (
                if side == "ua" { "c01" } else { "c02" },
                subjects[usize::from(group) % 2],
            );
            format!("{side}/{class}/v_x_g0{group}_{clip},{class},{subject}\n")
        };
        let rows = ["run", "walk"].map(|class| row(class, 1) + &row(class, 2));
        fs::write(
            folder.join(name),
            "path,label,subject\n".to_owned() + &rows.concat(),
        )
        .unwrap();
    };
    fs::remove_dir_all(folder.join("cache")).unwrap();
    fs::remove_file(folder.join("my.safetensors")).unwrap();
    list("a.csv", "ua", ["anna", "bert"]);
    list("b.csv", "ub", ["anna", "carl"]);
    let error = refused(folder, &["a.csv", "--val", "b.csv"]);
    assert!(
        error.contains(
            "1 of 3 groups, by a column of the list, is both in DATA and in --val, such as \"anna\""
        ),
        "{error}"
    );
    list("b.csv", "ub", ["carl", "dora"]);
    let (code, stdout, stderr) = output(&mut train(folder, &["a.csv", "--val", "b.csv"]));
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("clips of one group stay together: 2 groups, by a column of the list"),
        "{stderr}"
    );
    let how =
        "judged by    the clips of --val; 2 groups, by a column of the list, each on one side";
    assert!(stdout.contains(how), "{stdout}");
}

#[test]
fn no_output_is_written_where_a_clip_is() {
    let folder = folder();
    let folder = folder.path();
    for side in ["data", "val"] {
        clips(&folder.join(side), &["run", "walk"], &["a", "b", "c"]);
    }
    let frame = fs::read_dir(folder.join("val/run/a")).unwrap().next();
    let frame = frame.unwrap().unwrap().path();
    let content = fs::read(&frame).unwrap();
    let list = ["run", "walk"].map(|class| {
        let rows = ["a", "b"].map(|clip| format!("data/{class}/{clip},{class}\n"));
        rows.concat()
    });
    fs::write(
        folder.join("list.csv"),
        "path,label\n".to_owned() + &list.concat(),
    )
    .unwrap();
    let with = |extra: &[&str]| {
        let args = [&["list.csv", "--val", "val"], extra].concat();
        let error = refused(folder, &args);
        assert!(error.contains("where the clip "), "{error}");
    };
    with(&["--report", frame.to_str().unwrap()]);
    with(&["--report", "data/run/a/img_9.jpg"]);
    with(&["-o", "data/../data/walk/b/my.safetensors"]);
    assert!(fs::read(&frame).unwrap() == content);
}

#[test]
fn numbers_among_names_are_refused_with_their_line() {
    let folder = folder();
    let folder = folder.path();
    clips(folder, &["run", "walk"], &["a", "b"]);
    let rows = "path,label\nrun/a,run\nrun/b,run\nwalk/a,walk\nwalk/b,3\n";
    fs::write(folder.join("list.csv"), rows).unwrap();
    let error = refused(folder, &["list.csv"]);
    assert!(
        error.starts_with("eco: line 5: walk/b has the number 3 for its class, where others have names, such as \"run\""),
        "{error}"
    );
    // Numbers in one list and names in another one, and a directory that is called so.
    fs::write(folder.join("list.txt"), "walk/a 0\nwalk/b 0\n").unwrap();
    fs::write(
        folder.join("list.csv"),
        "path,label\nrun/a,run\nrun/b,run\n",
    )
    .unwrap();
    let error = refused(folder, &["list.txt", "list.csv"]);
    assert!(error.contains("line 1: walk/a has the number 0"), "{error}");
    let data = folder.join("data");
    clips(&data, &["3", "run"], &["a", "b"]);
    let said = json(&mut train(folder, &["data", "--folds", "2"]));
    assert_eq!(said["training"]["clips"], 4);
}

#[test]
fn too_few_clips_are_refused_with_numbers() {
    let folder = folder();
    let folder = folder.path();
    let names = ["v_x_g01_c01", "v_x_g02_c01", "v_x_g03_c01", "v_x_g04_c01"];
    clips(&folder.join("u"), &["run", "walk"], &names);
    let says = |args: &[&str], message: &str| {
        let error = refused(folder, args);
        assert!(error.contains(message), "{error}");
    };
    says(
        &["u"],
        "8 clips (4 groups, by their names (g01, g02, ...), as in UCF101) are too few for 5 folds; --folds 4",
    );
    says(&["u", "--group-by", "v_x"], "none can be held back");
    let none = ["u", "--group-by", "none"];
    says(
        &[&none[..], &["--val", "1%"]].concat(),
        "--val 1% holds back none of 8 clips",
    );
    says(
        &[&none[..], &["--val", "99%"]].concat(),
        "--val 99% leaves none of the 4 clips",
    );
    clips(&folder.join("one"), &["run", "walk"], &["a"]);
    says(
        &["one"],
        "class \"run\" has 1 clip: while it is held back, there is none to fit to",
    );
    says(
        &["u", "--val", "20"],
        "--val 20 is no path that exists, and no share",
    );
    says(
        &["u", "--val", "100 %"],
        "--val 100 % leaves nothing to fit to",
    );
    says(&["u", "--val", ""], "--val is empty");
    says(
        &["u", "--flip-pairs", "run=walk"],
        "--flip-pairs has no effect without variations",
    );
    fs::create_dir(folder.join("empty")).unwrap();
    says(&["empty"], "no clips in empty");
    fs::create_dir(folder.join("u/jump")).unwrap();
    says(&["u"], "no clips in u/jump");
    fs::write(folder.join("list.csv"), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").unwrap();
    let (code, _, stderr) = output(&mut train(folder, &["list.csv"]));
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("the file is no text, it begins with"),
        "{stderr}"
    );
}

#[cfg(unix)]
#[test]
fn a_clip_is_one_clip_however_its_path_is_written() {
    let folder = folder();
    let folder = folder.path();
    clips(folder, &["run", "walk"], &["a", "b", "c"]);
    std::os::unix::fs::symlink(folder.join("run/a"), folder.join("link")).unwrap();
    let rows = |extra: &str| {
        let rows = "run/a,run\nrun/b,run\nrun/c,run\nwalk/a,walk\nwalk/b,walk\nwalk/c,walk\n";
        fs::write(
            folder.join("list.csv"),
            format!("path,label\n{rows}{extra}"),
        )
        .unwrap();
    };
    rows("./run/a,run\nwalk/../run/a,run\nlink,run\n");
    let said = json(&mut train(folder, &["list.csv"]));
    assert_eq!(
        said["training"]["clips_per_class"],
        serde_json::json!([3, 3])
    );
    fs::remove_dir_all(folder.join("cache")).unwrap();
    fs::remove_file(folder.join("my.safetensors")).unwrap();
    rows("link,walk\n");
    let error = refused(folder, &["list.csv"]);
    assert!(error.contains("is listed twice, as "), "{error}");
    assert!(
        error.contains("\"run\"") && error.contains("\"walk\""),
        "{error}"
    );
}

#[test]
fn the_order_of_a_list_changes_nothing() {
    let folder = folder();
    let folder = folder.path();
    clips(folder, &["run", "walk"], &["a", "b", "c", "d"]);
    let rows = ["run", "walk"]
        .map(|class| ["a", "b", "c", "d"].map(|clip| format!("{class}/{clip},{class}\n")));
    let mut rows = rows.concat();
    let mut trained = || {
        fs::write(
            folder.join("list.csv"),
            "path,label\n".to_owned() + &rows.concat(),
        )
        .unwrap();
        rows.reverse();
        rows.rotate_left(3);
        let said = json(&mut train(folder, &["list.csv", "--folds", "3"]));
        (
            said["judged"].clone(),
            fs::read(folder.join("my.safetensors")).unwrap(),
        )
    };
    let (first, second) = (trained(), trained());
    assert_eq!(first.0, second.0);
    assert!(first.1 == second.1);
}

#[test]
fn what_is_done_is_told_when_it_is_asked_for() {
    let folder = folder();
    let folder = folder.path();
    let red = "\u{1b}[31mred";
    clips(&folder.join("data"), &["run", red], &["a", "b"]);
    let (code, stdout, stderr) = output(&mut train(folder, &["data", "-v"]));
    assert_eq!(code, 0, "{stderr}");
    for part in [
        "eco: file: demo",
        "eco: threads: ",
        "eco: segments: 4",
        "eco: sampling: ",
        "eco: preprocessing: ",
        "eco: clips looked at: 4 in ",
        "eco: fitting: ",
    ] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert!(!stdout.contains("top-2"), "{stdout}");
    let (_, _, stderr) = output(&mut train(folder, &["data"]));
    assert!(!stderr.contains("eco: threads"), "{stderr}");

    // Names of classes cannot steer the terminal.
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command
        .current_dir(folder)
        .args(["evaluate", "data", "--weights", "my.safetensors"]);
    let (code, stdout, stderr) = output(&mut command);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stdout.contains("\\u{1b}[31mred") && !stdout.contains('\u{1b}'),
        "{stdout}"
    );
    let error = refused_name(folder);
    assert!(!error.contains('\u{1b}'), "{error}");
}

/// The error about a path with such a name.
fn refused_name(folder: &Path) -> String {
    let (code, _, stderr) = output(&mut train(folder, &["\u{1b}[31mnowhere"]));
    assert_ne!(code, 0);
    stderr
}
