//! docs/json.md says what is printed: every field, its type, and whether it may be absent.

mod driver;
mod tools;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use driver::{classify, clip, output};
use eco::clip::Given;
use eco::network::Network;
use eco::recipe::Architecture;
use eco::recognise::{ClipName, FrameRange, RowError};
use eco::show::{Cut, Ending, RowFormat, TextStyle};
use eco::weights::diff::{Change, Changed, Diff};
use eco::weights::{Dtype, Named, RawTensor};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::Value;

/// One line of a table.
struct Field {
    types: Vec<String>,
    presence: Presence,
}

#[derive(PartialEq)]
enum Presence {
    Always,
    OrNull,
    Sometimes,
}

/// The fields of the table under a heading, by their paths.
fn documented(heading: &str) -> BTreeMap<String, Field> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md"));
    let page = page.unwrap();
    let section = page.split("\n#").find(|section| {
        section.trim_start_matches('#').lines().next() == Some(&format!(" {heading}"))
    });
    let lines = section.unwrap_or_else(|| panic!("no heading {heading}"));
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let rows = lines
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(cells);
    rows.map(|row| {
        let [path, types, _, present] = &row[..] else {
            panic!("not four cells: {row:?}");
        };
        let presence = match present {
            text if text == "always" => Presence::Always,
            text if text.starts_with("or null") => Presence::OrNull,
            _ => Presence::Sometimes,
        };
        let types = types.split(" or ").map(str::to_owned).collect();
        (path.trim_matches('`').to_owned(), Field { types, presence })
    })
    .collect()
}

fn is_type(value: &Value, name: &str) -> bool {
    let all = |of: fn(&Value) -> bool| value.as_array().is_some_and(|list| list.iter().all(of));
    match name {
        "text" => value.is_string(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "list of integers" => all(Value::is_u64),
        "list of lists of integers" => all(|row| is_type(row, "list of integers")),
        "list of numbers" => all(Value::is_number),
        "list of texts" => all(Value::is_string),
        "list of shapes" => all(|shape| is_type(shape, "list of integers")),
        "list of objects" => all(Value::is_object),
        "map of texts" => value
            .as_object()
            .is_some_and(|map| map.values().all(Value::is_string)),
        other => panic!("the page has a type {other}"),
    }
}

/// Compares objects with the table under `heading`, both ways.
fn check(heading: &str, objects: &[Value]) {
    let fields = documented(heading);
    assert!(!objects.is_empty() && !fields.is_empty(), "{heading}");
    let mut seen = BTreeSet::new();
    for object in objects {
        check_object(heading, "", object, &fields, &mut seen);
    }
    let never: Vec<&String> = fields.keys().filter(|path| !seen.contains(*path)).collect();
    assert!(never.is_empty(), "{heading}: never printed: {never:?}");
}

fn check_object(
    heading: &str,
    prefix: &str,
    object: &Value,
    fields: &BTreeMap<String, Field>,
    seen: &mut BTreeSet<String>,
) {
    let object = object.as_object().unwrap();
    for (key, value) in object {
        let path = format!("{prefix}{key}");
        let Some(field) = fields.get(&path) else {
            panic!("{heading}: {path} is not in docs/json.md");
        };
        seen.insert(path.clone());
        let fits = field.types.iter().any(|name| is_type(value, name))
            || (value.is_null() && field.presence == Presence::OrNull);
        assert!(fits, "{heading}: {path} is {value}");
        let inner: &[Value] = match value {
            // Its keys are not ours.
            Value::Object(_) if field.types == ["map of texts"] => &[],
            Value::Object(_) => std::slice::from_ref(value),
            Value::Array(list) if list.iter().all(Value::is_object) => list,
            _ => &[],
        };
        let list = if value.is_array() { "[]" } else { "" };
        for value in inner {
            check_object(heading, &format!("{path}{list}."), value, fields, seen);
        }
    }
    let here = fields.iter().filter(|(path, field)| {
        let own = path
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.contains('.'));
        own && field.presence != Presence::Sometimes
    });
    for (path, _) in here {
        let key = &path[prefix.len()..];
        assert!(object.contains_key(key), "{heading}: {path} is absent");
    }
}

fn eco(args: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    let (_, stdout, stderr) = output(command.args(args).env_remove("ECO_WEIGHTS"));
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

/// A clip whose name is not UTF-8.
#[cfg(unix)]
fn odd_name() -> std::ffi::OsString {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(b"odd\xff".to_vec())
}

#[cfg(unix)]
#[test]
fn the_rows_of_classify_are_as_documented() {
    let folder = driver::folder();
    let (good, odd) = (
        clip(folder.path(), "a", 6),
        clip(folder.path(), odd_name(), 5),
    );
    let none = folder.path().join("none");
    let odd_none = none.join(odd_name());
    let windows = ["--window", "4", "--logits", "--format", "json"];
    let with_rate = ["--fps", "10", "--from", "0s", "--format", "jsonl"];
    let mut rows = Vec::new();
    let mut list = classify([&good, &none, &odd_none]);
    let (_, stdout, _) = output(list.args(windows));
    rows.extend(serde_json::from_str::<Vec<Value>>(&stdout).unwrap());
    let (_, stdout, _) = output(classify([&good, &odd]).args(with_rate));
    rows.extend(driver::lines(&stdout));
    let (mut answers, mut failures): (Vec<Value>, Vec<Value>) =
        rows.into_iter().partition(|row| row.get("top").is_some());
    // No video is made here, and no list.
    answers[0]["decoder"] = "ffmpeg".into();
    answers[0]["line"] = 3.into();
    check("A row with an answer", &answers);
    // A failure that is about a part of a clip needs damaged weights.
    let part = RowError {
        clip: ClipName::new("a"),
        given: Given::default(),
        range: Some(FrameRange {
            start_frame: 0,
            end_frame: 4,
            start_seconds: Some(0.0),
            end_seconds: Some(0.4),
        }),
        error: "no scores".into(),
    };
    failures.push(serde_json::to_value(part).unwrap());
    failures[0]["line"] = 4.into();
    check("A row of a clip that failed", &failures);

    let ends = [Some(3), None].map(|missing| {
        let mut out = Vec::new();
        let mut writer = RowFormat::Json.writer(&mut out, TextStyle::default());
        writer
            .finish(Ending::Cut(Cut::Interrupted, missing))
            .unwrap();
        drop(writer);
        serde_json::from_slice::<Vec<Value>>(&out)
            .unwrap()
            .remove(0)
    });
    check("The last element of a list that is not complete", &ends);
}

#[test]
fn watch_is_as_documented() {
    let folder = driver::folder();
    let clips = ["a", "b"].map(|name| clip(folder.path(), name, 10).display().to_string());
    let even = clip(folder.path(), "even", 8).display().to_string();
    let none = folder.path().join("none").display().to_string();
    let small = ["watch", "--weights", "demo", "--segments", "4"];
    // Averages of a few percent begin events, and nothing ends them but the stream.
    let lasting = ["--enter", "1%", "--leave", "0%", "--hold", "0s"];
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
        command.args(small).args(lasting).args(more);
        command.args(["--device", "cpu", "--format", "jsonl"]);
        driver::lines(&output(command.env_remove("ECO_WEIGHTS")).1)
    };
    let mut rows = run(&[&clips[0], &clips[1], &none]);
    rows.extend(run(&[&even]));
    let has = |rows: &[Value], field: &str| -> Vec<Value> {
        let has = rows.iter().filter(|row| row.get(field).is_some());
        has.cloned().collect()
    };
    check("A step of a source", &has(&rows, "step"));
    check("A source that failed", &has(&rows, "error"));
    let ends = has(&rows, "ended").into_iter();
    let ends: Vec<Value> = ends.filter(|row| row.get("step").is_none()).collect();
    check("An event that ended after the last step", &ends);
}

#[test]
fn bench_is_as_documented() {
    let small = ["--weights", "demo", "--segments", "4", "--device", "cpu"];
    let once = ["--runs", "1", "--warmup", "0", "--format", "json"];
    check(
        "eco bench",
        &[eco(&[&["bench"], &small[..], &once].concat())],
    );
}

#[test]
fn the_self_check_is_as_documented_and_finds_nothing_wrong_here() {
    let args = ["bench", "--self-check", "--device", "cpu", "--batch", "1"];
    let found = eco(&[&args[..], &["--format", "json"]].concat());
    assert_eq!(found["failed"], 0, "{found:#}");
    assert!(found["checks"].as_array().unwrap().len() > 20, "{found:#}");
    check("The self-check", &[found]);
}

#[test]
fn evaluate_is_as_documented() {
    let folder = driver::folder();
    clip(&folder.path().join("growing"), "a", 4);
    let list = folder.path().join("list.csv");
    fs::write(&list, "path,label\ngrowing/a,growing\ngrowing/b,growing\n").unwrap();
    let list = list.display().to_string();
    let small = ["evaluate", &list, "--weights", "demo", "--segments", "4"];
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
        command.args(small).args(["--device", "cpu"]).args(more);
        output(command.env_remove("ECO_WEIGHTS")).1
    };
    let measures = run(&["--format", "json", "--min-score", "0.5"]);
    check("The measures", &[serde_json::from_str(&measures).unwrap()]);
    let mut lines = driver::lines(&run(&["--format", "jsonl"]));
    lines.pop();
    check("A clip of an evaluation", &lines);
}

#[test]
fn train_is_as_documented() {
    let folder = driver::folder();
    let data = folder.path().join("data");
    for (class, name) in [
        ("left", "a"),
        ("left", "b"),
        ("right", "c"),
        ("right", "d"),
        ("right", "e"),
    ] {
        clip(&data.join(class), name, 4);
    }
    fs::write(data.join("right/e/img_2.png"), "no picture").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    let small = [
        "train",
        "--weights",
        "demo",
        "--segments",
        "4",
        "--device",
        "cpu",
        "--folds",
        "2",
    ];
    command
        .args(small)
        .args(["--no-cache", "--unusable", "skip", "--format", "json"]);
    let file = folder.path().join("my.safetensors");
    let (_, stdout, stderr) = output(command.arg(&data).arg("-o").arg(file));
    let mut said: Value = serde_json::from_str(&stdout).expect(&stderr);
    // Its content is that of `eco evaluate`.
    said["judged"] = serde_json::json!({});
    check("eco train", &[said]);
}

#[cfg(feature = "libtorch")]
#[test]
fn the_training_of_a_network_is_as_documented() {
    let folder = driver::folder();
    let data = folder.path().join("data");
    for (class, name) in [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")] {
        clip(&data.join(class), name, 4);
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command
        .args(["train", "--weights", "demo", "--segments", "4"])
        .args(["--tune", "last", "--epochs", "1", "--set", "warm_up=0"])
        .args(["--device", "cpu", "--val", "50%", "--no-cache"])
        .args(["--views", "0", "--format", "json"]);
    let file = folder.path().join("my.safetensors");
    let (_, stdout, stderr) = output(command.arg(&data).arg("-o").arg(file));
    let mut said: Value = serde_json::from_str(&stdout).expect(&stderr);
    said["judged"] = serde_json::json!({});
    // As documented for a head, but for the recipe.
    let tuned = said["training"]["tuned"].clone();
    said["training"] = serde_json::json!({ "tuned": tuned, "recipe": {} });
    check("The training of a network", &[said]);
}

#[test]
fn the_table_of_summary_is_as_documented() {
    let plain = eco(&["summary", "--format", "json"]);
    let weights = eco(&["summary", "--weights", "demo", "--format", "json"]);
    // Modules of several values are in this one.
    let full = eco(&["summary", "--arch", "full", "--format", "json"]);
    check("The table of modules", &[plain, weights, full]);
}

#[test]
fn activations_are_as_documented() {
    let folder = driver::folder();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let small = [
        "summary",
        "--weights",
        "demo",
        "--segments",
        "4",
        "--format",
        "json",
    ];
    let clip = clip(folder.path(), "clip", 4).display().to_string();
    let (dump, reference) = (path("dump.safetensors"), path("reference.safetensors"));
    let plain = eco(&[&small[..], &["--activations", &clip, "--dump", &dump]].concat());
    write_reference(Path::new(&dump), Path::new(&reference));
    let compared = eco(&[
        &small[..],
        &["--activations", &dump, "--compare", &reference],
    ]
    .concat());
    check("Activations", &[plain, compared]);
}

#[test]
fn diff_is_as_documented() {
    let changed = |change| Changed {
        name: "fc_final.bias".to_owned(),
        change,
    };
    let values = |relative_l2| Change::Values {
        max_abs: 1.0,
        relative_l2,
        non_finite: 2,
    };
    let shape = Change::Shape {
        a: vec![5],
        b: vec![6],
    };
    let only = || Named {
        name: "fc_final.weight".to_owned(),
        shape: vec![5, 512],
    };
    let changes = [shape, values(Some(0.5)), values(None), Change::Bytes];
    let diff = Diff {
        equal: 1,
        changed: changes.map(changed).to_vec(),
        only_a: vec![only()],
        only_b: vec![only()],
    };
    check("eco diff", &[serde_json::to_value(diff).unwrap()]);
}

/// A model of zeros for two classes, as a file's tensors.
fn zeros() -> Vec<(String, RawTensor<'static>)> {
    let network = Network::new(Architecture::Lite, 2, 16).unwrap();
    let zeros = network.state_dict().into_iter().map(|spec| {
        let dtype = if spec.is_counter() {
            Dtype::I64
        } else {
            Dtype::F32
        };
        let bytes = spec.shape.iter().product::<usize>() * if spec.is_counter() { 8 } else { 4 };
        let (shape, data) = (spec.shape, vec![0; bytes].into());
        (spec.name, RawTensor { dtype, shape, data })
    });
    zeros.collect()
}

/// What a file can have against it, each kind once; names that collide if `collides`.
fn odd(collides: bool) -> Vec<(String, RawTensor<'static>)> {
    let mut tensors = zeros();
    let bias = |tensors: &mut Vec<(String, RawTensor<'static>)>, layer: &str| {
        let name = |(name, _): &(String, RawTensor)| name.ends_with(&format!("{layer}.bias"));
        tensors.iter().position(name).unwrap()
    };
    let place = bias(&mut tensors, "conv1_7x7_s2");
    tensors.remove(place);
    let place = bias(&mut tensors, "conv2_3x3");
    tensors[place].1.shape = vec![8, 24];
    let place = bias(&mut tensors, "inception_3a_1x1");
    let twice = tensors[place].clone();
    if collides {
        tensors.push((format!("module.{}", twice.0), twice.1));
    }
    let place = bias(&mut tensors, "inception_3b_1x1");
    let extent = tensors[place].1.shape[0];
    tensors[place].1.shape = vec![1, extent];
    let place = bias(&mut tensors, "inception_3a_3x3");
    let (dtype, data) = (
        Dtype::F64,
        vec![0xff; tensors[place].1.data.len() * 2].into(),
    );
    tensors[place].1.dtype = dtype;
    tensors[place].1.data = data;
    tensors.push(("more.weight".into(), tensors[place].1.clone()));
    tensors
}

#[test]
fn load_weights_is_as_documented() {
    let folder = driver::folder();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let import = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
        command.arg("load-weights").args(args);
        command.args(["--format", "json"]);
        let command = command.env("XDG_DATA_HOME", folder.path().join("data"));
        let (_, stdout, stderr) = output(command.env_remove("ECO_WEIGHTS"));
        let printed = serde_json::from_str(&stdout);
        printed.unwrap_or_else(|error| panic!("{error}: {stderr}"))
    };
    let written = |name: &str, tensors: &[(String, RawTensor<'_>)]| {
        let path = path(name);
        eco::weights::write(Path::new(&path), tensors, &BTreeMap::new()).unwrap();
        path
    };
    let sound = written("sound.safetensors", &zeros());
    let different = written("different.safetensors", &odd(true));
    let usable = written("usable.safetensors", &odd(false));
    let out = path("out.safetensors");
    let mut reports: Vec<Value> = vec![
        import(&[&sound, "-o", &out]),
        import(&[&different, "--dry-run"]),
        import(&[&usable, "--dry-run", "--partial"]),
    ];
    let verdicts: Vec<&Value> = reports.iter().map(|report| &report["verdict"]).collect();
    assert_eq!(verdicts, ["complete", "mismatch", "partial"]);
    // Files with these are larger than a test should write.
    reports[0]["shortened"] = serde_json::json!([
        { "name": "res3a_2.weight", "file_shape": [128, 128, 3, 3, 3], "model_shape": [128, 96, 3, 3, 3] }
    ]);
    reports[0]["ignored"] = serde_json::json!([{ "key": "epoch", "what": "int 3" }]);
    check("The report of an import", &reports);
    let text = path("text.pth");
    fs::write(&text, "no checkpoint").unwrap();
    check("A file that is not read", &[import(&[&text])]);
}

#[test]
fn inspect_is_as_documented() {
    let folder = driver::folder();
    let sound = folder.path().join("sound.safetensors");
    let tensors = zeros().into_iter().take(4).collect::<Vec<_>>();
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    eco::weights::write(&sound, &tensors, &metadata).unwrap();
    let mut listing = eco(&["inspect", "--format", "json", &sound.display().to_string()]);
    assert_eq!(listing["metadata"]["format"], "pt");
    listing["keys"] = serde_json::json!([{ "key": "epoch", "what": "int 3" }]);
    check("eco inspect", &[listing]);
}

#[test]
fn weights_and_doctor_are_as_documented() {
    let folder = driver::folder();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
        command.env("XDG_DATA_HOME", folder.path().join("data"));
        let (_, stdout, stderr) = output(command.args(args).env_remove("ECO_WEIGHTS"));
        let printed = serde_json::from_str(&stdout);
        printed.unwrap_or_else(|error| panic!("{error}: {stderr}"))
    };
    let none: Value = run(&["weights", "--format", "json"]);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let checkpoint = path("checkpoint.safetensors");
    eco::weights::write(Path::new(&checkpoint), &zeros(), &BTreeMap::new()).unwrap();
    let imports = [path("a.safetensors"), path("b.safetensors")];
    for out in &imports {
        run(&["load-weights", &checkpoint, "--format", "json", "-o", out]);
    }
    fs::remove_file(&imports[0]).unwrap();
    let two: Value = run(&["weights", "--format", "json"]);
    check("eco weights", &[none, two]);
    let Value::Array(findings) = run(&["doctor", "--format", "json"]) else {
        panic!("no list");
    };
    check("eco doctor", &findings);
}

/// A reference that has the input, one output in another shape, and no other.
fn write_reference(dump: &Path, reference: &Path) {
    let bytes = fs::read(dump).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let input = tensors.tensor("input").unwrap();
    let output = "output.eco_2d.basic_conv.conv1_7x7_s2";
    let first = tensors.tensor(output).unwrap();
    let flat = TensorView::new(
        first.dtype(),
        vec![first.shape().iter().product()],
        first.data(),
    );
    let kept = [("input", input), (output, flat.unwrap())];
    fs::write(reference, safetensors::serialize(kept, None).unwrap()).unwrap();
}
