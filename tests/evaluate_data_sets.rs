//! `eco evaluate` on scaled-down copies of the data sets, as they lie on disks: which class each clip is taken to have.
//!
//! The videos are empty files: a clip that fails still says what its class is.

mod driver;
mod tools;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use driver::{folder, output};
use tempfile::TempDir;

/// Six class names, as many as the demo weights have.
const KINETICS: [&str; 6] = [
    "massaging person's head",
    "skiing (not slalom or crosscountry)",
    "skiing crosscountry",
    "skiing slalom",
    "juggling balls",
    "zumba",
];
const UCF101: [&str; 6] = [
    "ApplyEyeMakeup",
    "Archery",
    "BoxingPunchingBag",
    "HandstandPushups",
    "JavelinThrow",
    "YoYo",
];
const HMDB51: [&str; 6] = ["brush_hair", "jump", "kick", "kick_ball", "run", "wave"];
const SOMETHING: [&str; 6] = [
    "Moving something up",
    "Turning something over",
    "Turning the camera left",
    "Pushing something off of something",
    "Holding something",
    "Folding something",
];

/// A folder with empty files and a file of class names.
fn data_set(names: &[&str], files: &[&str]) -> TempDir {
    let folder = folder();
    fs::write(folder.path().join("names.txt"), names.join("\n")).unwrap();
    for file in files {
        write(folder.path(), file, "");
    }
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Runs in the folder: exit code, standard output, standard error.
fn run(folder: &TempDir, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command.current_dir(folder).env_remove("ECO_WEIGHTS");
    command.args(["evaluate", "--weights", "demo", "--segments", "4"]);
    if !args.contains(&"--labels") {
        command.args(["--labels", "names.txt"]);
    }
    output(
        command
            .args(["--device", "cpu", "--format", "jsonl"])
            .args(args),
    )
}

/// The class of each clip by the clip's path.
fn classes(folder: &TempDir, args: &[&str]) -> BTreeMap<String, String> {
    let (_, stdout, stderr) = run(folder, args);
    let mut lines = driver::lines(&stdout);
    assert!(lines.pop().is_some(), "{stderr}");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let class = |line: serde_json::Value| (text(&line["clip"]), text(&line["truth"]["label"]));
    lines.into_iter().map(class).collect()
}

/// Standard error of a run that is refused before the network runs, as one line.
fn refusal(folder: &TempDir, args: &[&str]) -> String {
    let (code, stdout, stderr) = run(folder, &[args, &["--quiet"]].concat());
    assert!(code == 1 || code == 2, "{code}: {stderr}");
    assert_eq!(stdout, "", "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "one clear error: {stderr}");
    stderr
}

fn pairs<'a>(pairs: &[(&'a str, &'a str)]) -> BTreeMap<String, String> {
    let owned = |(clip, class): &(&str, &str)| (clip.to_string(), class.to_string());
    pairs.iter().map(owned).collect()
}

/// Sorted, torchvision's directories swap two classes: position is no name.
const SKIING: [(&str, &str); 2] = [
    (
        "val/skiing_crosscountry/AAAAAAAAAAA_000001_000011.mp4",
        "skiing crosscountry",
    ),
    (
        "val/skiing_not_slalom_or_crosscountry/BBBBBBBBBBB_000002_000012.mp4",
        "skiing (not slalom or crosscountry)",
    ),
];

#[test]
fn kinetics_directories_in_every_spelling() {
    let other = [
        (
            "val/massaging_persons_head/CCCCCCCCCCC_000003_000013.mp4",
            KINETICS[0],
        ),
        (
            "val/skiing_(not_slalom_or_crosscountry)/DDDDDDDDDDD_000004_000014.mp4",
            KINETICS[1],
        ),
        (
            "val/juggling balls/EEEEEEEEEEE_000005_000015.mp4",
            KINETICS[4],
        ),
    ];
    let all = [&SKIING[..], &other].concat();
    let files: Vec<&str> = all.iter().map(|(file, _)| *file).collect();
    let folder = data_set(&KINETICS, &files);
    assert_eq!(classes(&folder, &["val"]), pairs(&all));
}

#[test]
fn kinetics_csv_beside_the_split_or_the_classes() {
    let rows = "label,youtube_id,time_start,time_end,split\n\
        skiing crosscountry,AAAAAAAAAAA,1,11,validate\n\
        \"skiing (not slalom or crosscountry)\",BBBBBBBBBBB,2.0,12.0,validate\n";
    let files = SKIING.map(|(file, _)| file);
    let folder = data_set(&KINETICS, &files);
    write(folder.path(), "val.csv", rows);
    assert_eq!(classes(&folder, &["val.csv"]), pairs(&SKIING));
    write(folder.path(), "val/list.csv", rows);
    assert_eq!(classes(&folder, &["val/list.csv"]), pairs(&SKIING));
    // Of clips that were never downloaded, those that are there are evaluated and the others are failures.
    write(
        folder.path(),
        "more.csv",
        &format!("{rows}zumba,CCCCCCCCCCC,7,17,validate\n"),
    );
    let found = classes(&folder, &["more.csv"]);
    assert_eq!(found["CCCCCCCCCCC_000007_000017"], "zumba");
    let without = rows.replace("label,", "name,");
    write(folder.path(), "without.csv", &without);
    let error = refusal(&folder, &["without.csv"]);
    assert!(
        error.contains("none of the 2 clips of the list exists"),
        "without labels no class directory is known: {error}"
    );
}

#[test]
fn ucf101_with_class_directories_or_flat() {
    let nested = [
        ("Archery/v_Archery_g02_c05.avi", "Archery"),
        (
            "HandstandPushups/v_HandStandPushups_g01_c01.avi",
            "HandstandPushups",
        ),
    ];
    let folder = data_set(&UCF101, &nested.map(|(file, _)| file));
    let list =
        "Archery/v_Archery_g02_c05.avi\r\nHandstandPushups/v_HandStandPushups_g01_c01.avi\r\n";
    write(folder.path(), "testlist01.txt", list);
    write(
        folder.path(),
        "trainlist01.txt",
        "Archery/v_Archery_g02_c05.avi 2\nHandstandPushups/v_HandStandPushups_g01_c01.avi 4\n",
    );
    let index: Vec<String> = (1..)
        .zip(UCF101)
        .map(|(n, name)| format!("{n} {name}"))
        .collect();
    write(folder.path(), "classInd.txt", &index.join("\r\n"));
    for args in [
        &["testlist01.txt"][..],
        &["trainlist01.txt"],
        &["testlist01.txt", "--labels", "classInd.txt"],
    ] {
        assert_eq!(classes(&folder, args), pairs(&nested), "{args:?}");
    }
    let flat = [
        ("v_Archery_g02_c05.avi", "Archery"),
        ("v_HandStandPushups_g01_c01.avi", "HandstandPushups"),
    ];
    let folder = data_set(&UCF101, &flat.map(|(file, _)| file));
    write(folder.path(), "testlist01.txt", list);
    assert_eq!(classes(&folder, &["testlist01.txt"]), pairs(&flat));
    write(
        folder.path(),
        "testlist02.txt",
        "Swimming/v_Archery_g02_c05.avi\n",
    );
    let error = refusal(&folder, &["testlist02.txt"]);
    assert!(error.contains("no class is called \"Swimming\""), "{error}");
}

#[test]
fn indices_that_count_from_1_are_told_by_the_last_class() {
    let folder = data_set(&UCF101, &["a.avi", "b.avi"]);
    write(folder.path(), "list.txt", "a.avi 1\nb.avi 6\n");
    let error = refusal(&folder, &["list.txt"]);
    assert!(
        error.contains("class 6 is beyond the last one: the network has 6, counted from 0"),
        "{error}"
    );
}

#[test]
fn hmdb51_by_split() {
    let clips = [
        (
            "brush_hair/April_brush_hair_u_nm_np1_ba_goo_0.avi",
            "brush_hair",
        ),
        (
            "kick_ball/Ball_kick_ball_f_cm_np1_le_bad_2.avi",
            "kick_ball",
        ),
        ("kick/Kick_kick_f_cm_np1_le_bad_2.avi", "kick"),
    ];
    let folder = data_set(&HMDB51, &clips.map(|(file, _)| file));
    for (class, split, lines) in [
        (
            "brush_hair",
            1,
            "April_brush_hair_u_nm_np1_ba_goo_0.avi 2 \nBlonde_u_1.avi 1 \nAtrium_u_2.avi 0 \n",
        ),
        ("kick_ball", 1, "Ball_kick_ball_f_cm_np1_le_bad_2.avi 2 \n"),
        ("kick", 1, "Kick_kick_f_cm_np1_le_bad_2.avi 2 \n"),
        ("kick", 2, "Kick_kick_f_cm_np1_le_bad_2.avi 1 \n"),
        (
            "brush_hair",
            2,
            "April_brush_hair_u_nm_np1_ba_goo_0.avi 2 \n",
        ),
    ] {
        write(
            folder.path(),
            &format!("splits/{class}_test_split{split}.txt"),
            lines,
        );
    }
    assert_eq!(classes(&folder, &["splits", "--split", "1"]), pairs(&clips));
    let one = "splits/brush_hair_test_split1.txt";
    assert_eq!(classes(&folder, &[one]), pairs(&clips[..1]));
    let error = refusal(&folder, &["splits"]);
    assert!(
        error.contains("name one of their splits with --split 1, 2 or 3"),
        "{error}"
    );
    let error = refusal(&folder, &["splits", "--split", "3"]);
    assert!(
        error.contains("has no lists of HMDB51's split 3"),
        "{error}"
    );
}

#[test]
fn something_something_csv_and_json() {
    let folder = data_set(
        &SOMETHING,
        &["20417/00001.jpg", "20418/00001.jpg", "30001.webm"],
    );
    write(
        folder.path(),
        "something-something-v1-validation.csv",
        "20417;Turning the camera left\n20418;Pushing something off of something\n",
    );
    assert_eq!(
        classes(&folder, &["something-something-v1-validation.csv"]),
        pairs(&[("20417", SOMETHING[2]), ("20418", SOMETHING[3])])
    );
    write(
        folder.path(),
        "something-something-v2-validation.json",
        r#"[{"id":"30001","label":"turning a cup over","template":"Turning [something] over","placeholders":["a cup"]}]"#,
    );
    assert_eq!(
        classes(&folder, &["something-something-v2-validation.json"]),
        pairs(&[("30001.webm", SOMETHING[1])])
    );
    write(
        folder.path(),
        "something-something-v1-test.csv",
        "20417\n20418\n",
    );
    let error = refusal(&folder, &["something-something-v1-test.csv"]);
    assert!(
        error.contains("nothing says what 2 of 2 clips show"),
        "{error}"
    );
}

#[test]
fn metadata_of_a_directory_wins_over_its_levels() {
    let folder = data_set(&HMDB51, &["data/jump/a.mp4", "data/jump/b.mp4"]);
    assert_eq!(
        classes(&folder, &["data"]),
        pairs(&[("data/jump/a.mp4", "jump"), ("data/jump/b.mp4", "jump")])
    );
    write(
        folder.path(),
        "data/metadata.csv",
        "file_name,label,note\njump/a.mp4,run,x\njump/b.mp4,wave,\n",
    );
    assert_eq!(
        classes(&folder, &["data"]),
        pairs(&[("data/jump/a.mp4", "run"), ("data/jump/b.mp4", "wave")])
    );
}

#[test]
fn levels_of_a_split_are_looked_through() {
    let clips = [
        ("data/train/jump/a.mp4", "jump"),
        ("data/val/jump/b.mp4", "jump"),
        ("data/test/kick_ball/c.mp4", "kick_ball"),
    ];
    let folder = data_set(&HMDB51, &clips.map(|(file, _)| file));
    assert_eq!(classes(&folder, &["data"]), pairs(&clips));
    assert_eq!(classes(&folder, &["data/val"]), pairs(&clips[1..2]));
    write(folder.path(), "data/val/swimming/d.mp4", "");
    let error = refusal(&folder, &["data/val"]);
    assert!(error.contains("no class is called \"swimming\""), "{error}");
    assert!(error.contains("data/val/swimming/d.mp4"), "{error}");
}
