//! Checkpoints as users have them, which are read, or refused with what helps.

mod forge;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use eco::recipe::{Architecture, Preprocess, Sampling};
use eco::weights::diff::{Change, Diff, Side, diff};
use eco::weights::{
    Checkpoint, Dtype, Fact, Hint, Import, ImportOptions, LoadError, LoadOptions, MatchReport,
    Metadata, Model, Models, RawTensor, ReportText, SelectError, Strictness, TensorSpec, Verdict,
    open, open_with, write,
};
use forge::{TensorForge, dict, floats, pickle};
use tempfile::TempDir;

/// The parts of ECO-Lite in small.
const MODEL: &[(&str, &[usize])] = &[
    ("eco_2d.basic_conv.conv1_7x7_s2.weight", &[2, 3]),
    ("eco_2d.basic_conv.conv1_7x7_s2.bias", &[2]),
    ("eco_2d.basic_conv.conv1_7x7_s2_bn.running_mean", &[2]),
    ("eco_3d.res_3d_3.res3a_2.weight", &[2, 2]),
    ("fc_final.weight", &[5, 2]),
    ("fc_final.bias", &[5]),
];

type Shapes = Vec<(String, Vec<usize>)>;

fn spec() -> Models {
    let spec = |(name, shape): (String, Vec<usize>)| TensorSpec { name, shape };
    Models::from(Model {
        architecture: Architecture::Lite,
        tensors: model().into_iter().map(spec).collect(),
    })
}

fn model() -> Shapes {
    MODEL
        .iter()
        .map(|(name, shape)| (name.to_string(), shape.to_vec()))
        .collect()
}

fn renamed(rename: impl Fn(&str) -> String) -> Shapes {
    model()
        .into_iter()
        .map(|(name, shape)| (rename(&name), shape))
        .collect()
}

/// A safetensors file with these tensors, in which every value is `value`.
fn file(
    path: PathBuf,
    tensors: &Shapes,
    value: f32,
    metadata: &BTreeMap<String, String>,
) -> PathBuf {
    let tensor = |(name, shape): &(String, Vec<usize>)| {
        let data = value.to_le_bytes().repeat(shape.iter().product());
        let tensor = RawTensor {
            dtype: Dtype::F32,
            shape: shape.clone(),
            data: data.into(),
        };
        (name.clone(), tensor)
    };
    let tensors: Vec<_> = tensors.iter().map(tensor).collect();
    write(&path, &tensors, metadata).unwrap();
    path
}

fn zeros(folder: &TempDir, tensors: &Shapes) -> PathBuf {
    file(
        folder.path().join("model.safetensors"),
        tensors,
        0.0,
        &BTreeMap::new(),
    )
}

fn mismatch(path: &Path) -> MatchReport {
    match open(path, &spec()) {
        Err(LoadError::Mismatch(report)) => *report,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was loaded"),
    }
}

fn import(path: &Path, options: &ImportOptions) -> Import {
    Import::prepare(path, &spec(), options).unwrap_or_else(|error| panic!("{error}"))
}

fn partial() -> LoadOptions {
    LoadOptions {
        strictness: Strictness::Partial,
        ..LoadOptions::default()
    }
}

#[test]
fn a_filled_model_with_more_beside_it_is_usable_when_that_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = model();
    tensors.push(("projector.weight".to_string(), vec![4, 4]));
    let path = zeros(&folder, &tensors);
    assert_eq!(mismatch(&path).hints, [Hint::OnlyExtra(1)]);

    let options = ImportOptions {
        load: partial(),
        ..ImportOptions::default()
    };
    let mut import = import(&path, &options);
    assert_eq!(import.report().verdict, Verdict::Complete);
    assert!(
        import
            .report()
            .outcome()
            .contains("every tensor of the model matches")
    );
    let out = folder.path().join("out.safetensors");
    import.write(&out).unwrap();
    assert_eq!(open(&out, &spec()).unwrap().metadata().missing, [""; 0]);
}

#[test]
fn a_head_under_another_name_is_offered_as_the_rule_that_works() {
    for layer in ["cls_head", "head.fc", "module.logits"] {
        let folder = tempfile::tempdir().unwrap();
        let path = zeros(&folder, &renamed(|name| name.replace("fc_final", layer)));
        let report = mismatch(&path);
        let [Hint::Rename { rules, explains: 2 }] = &report.hints[..] else {
            panic!("{layer}: {:?}", report.hints);
        };
        let options = LoadOptions {
            rename: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
            ..LoadOptions::default()
        };
        let loaded = open_with(&path, &spec(), &options);
        loaded.unwrap_or_else(|error| panic!("{layer}: {error}"));
    }
}

#[test]
fn two_layers_that_could_be_the_head_are_not_guessed_between() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = renamed(|name| name.replace("fc_final", "first"));
    tensors.push(("second.weight".to_string(), vec![7, 2]));
    tensors.push(("second.bias".to_string(), vec![7]));
    let report = mismatch(&zeros(&folder, &tensors));
    assert_eq!(report.hints, [Hint::NoHead]);
}

#[test]
fn batch_norms_with_axes_of_one_place_fit_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = model();
    tensors[1].1 = vec![1, 2];
    tensors[2].1 = vec![1, 2, 1, 1];
    tensors[5].1 = vec![1, 5];
    let loaded = open(&zeros(&folder, &tensors), &spec()).unwrap();
    assert_eq!(loaded.report().squeezed, 3);
    assert_eq!(loaded.classes(), Some(5));
    for (name, shape) in MODEL {
        assert_eq!(loaded.tensor(name).unwrap().shape, *shape, "{name}");
    }
    let text = ReportText(loaded.report()).to_string();
    assert!(text.contains("reshaped    3 tensors"), "{text}");
    // A layer with two axes is another layer when it has three.
    tensors[3].1 = vec![2, 2, 1];
    assert_eq!(mismatch(&zeros(&folder, &tensors)).mismatched.len(), 1);
}

#[test]
fn averages_that_are_kept_flat_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = model();
    let averages = model().into_iter();
    tensors
        .extend(averages.map(|(name, shape)| (format!("ema_{}", name.replace('.', "_")), shape)));
    let counter = "ema_eco_2d_basic_conv_conv1_7x7_s2_bn_num_batches_tracked";
    tensors.push((counter.to_string(), vec![]));
    let loaded = open(&zeros(&folder, &tensors), &spec()).unwrap();
    let [ignored] = &loaded.report().ignored[..] else {
        panic!("{:?}", loaded.report().ignored);
    };
    assert_eq!(ignored.key, "ema_*");
    assert_eq!(ignored.what, "moving averages, 7 tensors");
}

#[test]
fn a_student_and_its_teacher_are_a_choice_between_keys_that_work() {
    for around in ["", "model."] {
        let folder = tempfile::tempdir().unwrap();
        let mut tensors = renamed(|name| format!("{around}student.{name}"));
        tensors.extend(renamed(|name| format!("{around}teacher.{name}")));
        let path = zeros(&folder, &tensors);
        let error = open(&path, &spec()).err().unwrap();
        let LoadError::Select(SelectError::Ambiguous { candidates, .. }) = error else {
            panic!("{error}");
        };
        assert_eq!(
            candidates,
            ["student", "teacher"].map(|name| format!("{around}{name}"))
        );
        for key in candidates {
            let options = LoadOptions {
                key: Some(key),
                ..LoadOptions::default()
            };
            open_with(&path, &spec(), &options).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

#[test]
fn what_is_beside_the_chosen_key_is_counted_where_keys_are_flat() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["student.a", "student.b", "teacher.a", "teacher.b"];
    let tensor = TensorForge::new("0", 2, 3).pickled(b"");
    let mut items: Vec<_> = names.map(|name| (name, tensor.clone())).into();
    items.push(("step", pickle::int(7)));
    let path = zip(&folder, &dict(&items));
    let options = LoadOptions {
        key: Some("student".to_string()),
        ..LoadOptions::default()
    };
    let Err(LoadError::Mismatch(report)) = open_with(&path, &spec(), &options) else {
        panic!("it was loaded");
    };
    let ignored = report.ignored.iter();
    let ignored: Vec<_> = ignored.map(|i| (i.key.as_str(), i.what.as_str())).collect();
    assert_eq!(ignored, [("teacher", "2 tensors"), ("step", "int 7")]);
}

#[test]
fn weights_of_the_notebook_ask_how_frames_were_prepared() {
    let folder = tempfile::tempdir().unwrap();
    let bare = zeros(&folder, &model());
    assert!(
        import(&bare, &ImportOptions::default())
            .report()
            .hints
            .contains(&Hint::Notebook)
    );
    let told = ImportOptions {
        preprocess: Some(Preprocess::Book),
        ..ImportOptions::default()
    };
    assert_eq!(import(&bare, &told).report().hints, []);
    // The names of the official release are no notebook's.
    let official = zeros(
        &folder,
        &renamed(|name| {
            let mut parts = name.rsplit('.');
            let (parameter, layer) = (parts.next().unwrap(), parts.next().unwrap());
            format!("module.base_model.{layer}.{parameter}")
        }),
    );
    assert_eq!(
        import(&official, &ImportOptions::default()).report().hints,
        []
    );
}

#[test]
fn what_is_assumed_about_weights_is_told_from_what_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = zeros(&folder, &model());
    let said = |import: &Import| -> Vec<String> {
        import.report().facts.iter().map(Fact::to_string).collect()
    };
    let nothing = import(&path, &ImportOptions::default());
    let assumed = [
        "preprocess official (assumed)",
        "sampling official (assumed)",
        "segments 16 (assumed)",
        "labels none",
    ];
    assert_eq!(said(&nothing), assumed);
    let text = ReportText(nothing.report()).to_string();
    assert!(
        text.contains("use with    preprocess official (assumed), sampling official (assumed)\n"),
        "{text}"
    );
    let json = serde_json::to_value(nothing.report()).unwrap();
    assert_eq!(json["facts"][0]["about"], "preprocess");
    assert_eq!(json["facts"][0]["value"], "official");
    assert_eq!(json["facts"][0]["known"], false);

    let options = ImportOptions {
        preprocess: Some(Preprocess::Caffe),
        sampling: Some(Sampling::Caffe),
        ..ImportOptions::default()
    };
    let mut told = import(&path, &options);
    let known = [
        "preprocess caffe",
        "sampling caffe",
        "segments 16 (assumed)",
        "labels none",
    ];
    assert_eq!(said(&told), known);
    // The next import of the result knows what this one was told, and assumes what it assumed.
    let out = folder.path().join("out.safetensors");
    told.write(&out).unwrap();
    assert_eq!(
        open(&out, &spec()).unwrap().metadata().sampling,
        Some(Sampling::Caffe)
    );
    assert_eq!(said(&import(&out, &ImportOptions::default())), known);
}

#[test]
fn a_file_that_says_it_is_of_another_network_than_its_tensors_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut metadata = Metadata::default().to_map();
    metadata.insert("eco.architecture".to_string(), "ECO-Full".to_string());
    let path = file(
        folder.path().join("full.safetensors"),
        &model(),
        0.0,
        &metadata,
    );
    let error = open(&path, &Models::every().unwrap()).err().unwrap();
    let LoadError::Mismatch(report) = error else {
        panic!("{error}");
    };
    assert_eq!(
        (report.architecture, report.total),
        (Architecture::Full, 566)
    );
}

/// A zip checkpoint with this pickle and a storage of six floats.
fn zip(folder: &TempDir, body: &[u8]) -> PathBuf {
    let path = folder.path().join("forged.pth");
    let records = forge::torch_records(body, &[("0", floats(6))]);
    std::fs::write(&path, forge::zip(&records)).unwrap();
    path
}

fn first_tensor(path: &Path) -> Vec<u8> {
    let checkpoint = Checkpoint::open(path).unwrap_or_else(|error| panic!("{error}"));
    checkpoint.read(0).unwrap().data.into_owned()
}

#[test]
fn every_form_in_which_pytorch_wrote_tensors_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let sound = TensorForge::new("0", 2, 3);
    let storage = sound.persistent_id(b"");
    let (shape, stride) = (pickle::ints(&[2, 3]), pickle::ints(&[3, 1]));
    let layout = [&storage[..], &pickle::int(0), &shape, &stride].concat();
    let rebuilt = |function: &str, rest: &[u8]| {
        let function = pickle::global("torch._utils", function);
        [&function[..], b"(", &layout, rest, b"tR"].concat()
    };
    let wrapped = |module: &str, name: &str, rest: &[u8]| {
        let class = pickle::global(module, name);
        [&class[..], b"(", &sound.pickled(b""), rest, b"tR"].concat()
    };
    let untyped = TensorForge {
        storage: "UntypedStorage",
        numel: 24,
        ..sound.clone()
    };
    let dtype = pickle::global("torch", "float32");
    let third = [
        &pickle::global("torch._utils", "_rebuild_tensor_v3")[..],
        b"(",
        &untyped.persistent_id(b""),
        &pickle::int(0),
        &shape,
        &stride,
        b"\x89N",
        &dtype,
        b"tR",
    ]
    .concat();
    let subclass = [
        &pickle::global("torch._tensor", "_rebuild_from_type_v2")[..],
        b"(",
        &pickle::global("torch._utils", "_rebuild_tensor_v2"),
        &pickle::global("__main__", "Sub"),
        b"(",
        &layout,
        b"\x89Nt}tR",
    ]
    .concat();
    // torch.FloatTensor() given (storage, offset, size, stride), and Variable() given its data and four more.
    let old = [
        &pickle::global("torch", "FloatTensor")[..],
        b")\x81(",
        &layout,
        b"tb",
    ]
    .concat();
    let variable = [
        &pickle::global("torch.autograd.variable", "Variable")[..],
        b")\x81(",
        &sound.pickled(b""),
        b"NN\x88\x89tb",
    ]
    .concat();
    for (name, pickled) in [
        ("0.1.0", old),
        ("variable", variable),
        ("0.3", rebuilt("_rebuild_tensor", b"")),
        (
            "old parameter",
            wrapped("torch.nn.parameter", "Parameter", b""),
        ),
        (
            "parameter",
            wrapped("torch._utils", "_rebuild_parameter", b"\x88N"),
        ),
        ("untyped", third),
        ("subclass", subclass),
    ] {
        let path = zip(&folder, &dict(&[("w", pickled)]));
        assert_eq!(first_tensor(&path), floats(6), "{name}");
    }
    // Values that are not those of the storage must not pass for them.
    let negative = [b"\x89N}", &pickle::text("neg")[..], b"\x88s"].concat();
    let path = zip(
        &folder,
        &dict(&[("w", rebuilt("_rebuild_tensor_v2", &negative))]),
    );
    assert!(Checkpoint::open(&path).is_err());
}

#[test]
fn tensors_that_cannot_be_read_are_refused_among_weights_and_left_alone_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let sound = TensorForge::new("0", 2, 3).pickled(b"");
    let class = pickle::global("__main__", "Odd");
    let object = [&class[..], b"(", &sound, b"tR"].concat();
    let state = dict(&[("w", sound.clone())]);
    let beside = dict(&[("state_dict", state), ("odd", object.clone())]);
    assert_eq!(first_tensor(&zip(&folder, &beside)), floats(6));
    let among = dict(&[("w", sound), ("odd", object)]);
    let nested = dict(&[("my model", among)]);
    let error = match Checkpoint::open(&zip(&folder, &nested)) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it was read"),
    };
    assert!(error.contains("an object of __main__.Odd"), "{error}");
    assert!(error.contains(r#"c["my model"].items()"#), "{error}");
}

fn compare(a: &Path, b: &Path) -> Diff {
    let side = |path| Side { path, key: None };
    diff(side(a), side(b), &spec()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn files_with_the_same_tensors_are_equal_whatever_their_prefixes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let a = file(path("a.safetensors"), &model(), 1.5, &BTreeMap::new());
    let prefixed = renamed(|name| format!("module.{name}"));
    let b = file(path("b.safetensors"), &prefixed, 1.5, &BTreeMap::new());
    let found = compare(&a, &b);
    assert!(found.is_empty() && found.equal == MODEL.len(), "{found:?}");
}

#[test]
fn differences_are_listed_by_the_models_names_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let a = file(path("a.safetensors"), &model(), 2.0, &BTreeMap::new());
    let mut other = renamed(|name| format!("module.{name}"));
    other[4].1 = vec![6, 2];
    other[5].1 = vec![6];
    other.remove(3);
    other.push(("extra.weight".to_string(), vec![1]));
    other.push(("module.a.num_batches_tracked".to_string(), vec![]));
    let b = file(path("b.safetensors"), &other, 1.0, &BTreeMap::new());
    let found = compare(&a, &b);
    let names: Vec<&str> = found
        .changed
        .iter()
        .map(|changed| changed.name.as_str())
        .collect();
    assert_eq!(
        names,
        [MODEL[0].0, MODEL[1].0, MODEL[2].0, MODEL[4].0, MODEL[5].0]
    );
    let half = Change::Values {
        max_abs: 1.0,
        relative_l2: Some(0.5),
        non_finite: 0,
    };
    assert_eq!(found.changed[0].change, half);
    let shapes = Change::Shape {
        a: vec![5, 2],
        b: vec![6, 2],
    };
    assert_eq!(found.changed[3].change, shapes);
    assert_eq!(found.only_a[0].name, MODEL[3].0);
    assert_eq!(found.only_b[0].name, "extra.weight");
    assert_eq!((found.only_a.len(), found.only_b.len()), (1, 1));
}

#[test]
fn half_precision_of_the_same_values_is_equal() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let a = file(path("a.safetensors"), &model(), 1.5, &BTreeMap::new());
    let options = ImportOptions {
        precision: eco::weights::Precision::Half,
        ..ImportOptions::default()
    };
    let b = path("b.safetensors");
    import(&a, &options).write(&b).unwrap();
    assert!(compare(&a, &b).is_empty());
}
