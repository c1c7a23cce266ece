//! What an import says: everything that differs, at once, in words that help.

mod forge;

use std::path::{Path, PathBuf};

use eco::recipe::{Architecture, Preprocess};
use eco::weights::{
    Assumed, Checkpoint, Dtype, ErrorClass, Hint, Import, ImportOptions, LabelSource, LoadError,
    LoadOptions, MatchReport, Metadata, Model, Models, Precision, RawTensor, ReportText,
    SelectError, Strictness, TensorSpec, Verdict, open, open_with, write,
};
use forge::{TensorForge, dict, floats, pickle};
use tempfile::TempDir;

/// A model with the parts of ECO-Lite in small: two layers, a batch norm, a head.
const MODEL: &[(&str, &[usize])] = &[
    ("eco_2d.basic_conv.conv1_7x7_s2.weight", &[2, 3]),
    ("eco_2d.basic_conv.conv1_7x7_s2.bias", &[2]),
    ("eco_2d.basic_conv.conv1_7x7_s2_bn.running_mean", &[2]),
    ("eco_2d.basic_conv.conv1_7x7_s2_bn.num_batches_tracked", &[]),
    ("eco_3d.res_3d_3.res3a_2.weight", &[2, 2]),
    ("fc_final.weight", &[400, 2]),
    ("fc_final.bias", &[400]),
];

fn spec() -> Models {
    models(MODEL)
}

fn models(tensors: &[(&str, &[usize])]) -> Models {
    let spec = |(name, shape): &(&str, &[usize])| TensorSpec {
        name: name.to_string(),
        shape: shape.to_vec(),
    };
    Models::from(Model {
        architecture: Architecture::Lite,
        tensors: tensors.iter().map(spec).collect(),
    })
}

/// A safetensors file with these tensors, all zeros of float32 but for the counters.
fn file(folder: &TempDir, tensors: &[(String, Vec<usize>)]) -> PathBuf {
    let path = folder.path().join("model.safetensors");
    let tensors: Vec<(String, RawTensor<'_>)> = tensors
        .iter()
        .map(|(name, shape)| {
            let counter = name.ends_with("num_batches_tracked");
            let (dtype, size) = if counter {
                (Dtype::I64, 8)
            } else {
                (Dtype::F32, 4)
            };
            let data = vec![0; shape.iter().product::<usize>() * size];
            (
                name.clone(),
                RawTensor {
                    dtype,
                    shape: shape.clone(),
                    data: data.into(),
                },
            )
        })
        .collect();
    write(&path, &tensors, &Default::default()).unwrap();
    path
}

fn model() -> Vec<(String, Vec<usize>)> {
    MODEL
        .iter()
        .map(|(name, shape)| (name.to_string(), shape.to_vec()))
        .collect()
}

fn renamed(rename: impl Fn(&str) -> String) -> Vec<(String, Vec<usize>)> {
    model()
        .into_iter()
        .map(|(name, shape)| (rename(&name), shape))
        .collect()
}

fn mismatch(path: &Path) -> MatchReport {
    match open(path, &spec()) {
        Err(LoadError::Mismatch(report)) => *report,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was loaded"),
    }
}

#[test]
fn everything_that_differs_is_in_one_report_with_both_shapes() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = model();
    tensors[0].1 = vec![2, 4];
    tensors[4].0 = "eco_3d.res_3d_3.res3a_2x.weight".to_string();
    let report = mismatch(&file(&folder, &tensors));
    assert_eq!((report.matched, report.total), (5, 7));
    assert_eq!(report.missing[0].name, "eco_3d.res_3d_3.res3a_2.weight");
    assert_eq!(report.unexpected[0].name, "eco_3d.res_3d_3.res3a_2x.weight");
    let text = ReportText(&report).to_string();
    for line in [
        "matched 5 of 7 tensors of ECO-Lite",
        "  container   safetensors, 7 tensors",
        "  eco_3d.res_3d_3.res3a_2.weight [2, 2]",
        "  eco_2d.basic_conv.conv1_7x7_s2.weight: file [2, 4], model [2, 3]",
        "hint: eco_3d.res_3d_3.res3a_2x.weight may be eco_3d.res_3d_3.res3a_2.weight",
    ] {
        assert!(
            text.lines().any(|l| l == line),
            "no line {line:?} in\n{text}"
        );
    }
}

#[test]
fn another_class_count_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = model();
    tensors[5].1 = vec![101, 2];
    tensors[6].1 = vec![101];
    let loaded = open(&file(&folder, &tensors), &spec()).unwrap();
    assert_eq!(loaded.classes(), Some(101));
    let text = ReportText(loaded.report()).to_string();
    assert!(
        text.contains("classes     101, model 400: the file decides"),
        "{text}"
    );
}

#[test]
fn a_head_whose_weight_and_bias_disagree_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = model();
    tensors[6].1 = vec![101];
    let report = mismatch(&file(&folder, &tensors));
    assert_eq!(report.mismatched[0].name, "fc_final.bias");
}

#[test]
fn names_that_become_one_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = model();
    tensors.push(("module.conv1_7x7_s2.bias".to_string(), vec![2]));
    let report = mismatch(&file(&folder, &tensors));
    assert_eq!(
        report.collisions[0].name,
        "eco_2d.basic_conv.conv1_7x7_s2.bias"
    );
    assert_eq!(report.collisions[0].file_names.len(), 2);
}

#[test]
fn a_rename_rule_that_would_fix_the_names_is_offered_and_works() {
    for (break_name, rule) in [
        (
            (|n: &str| n.replace("conv1", "net_conv1").replace("res3", "net_res3"))
                as fn(&str) -> String,
            r"\bnet_=",
        ),
        (
            |n: &str| {
                n.replace(".weight", ".conv.weight")
                    .replace(".bias", ".conv.bias")
            },
            r"\.conv\.weight$=.weight",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, &renamed(break_name));
        let report = mismatch(&path);
        let rules = report.hints.iter().find_map(|hint| match hint {
            Hint::Rename { rules, .. } => Some(rules.clone()),
            _ => None,
        });
        let rules = rules.expect("a rule");
        assert!(rules.iter().any(|offered| offered == rule), "{rules:?}");
        let rules = rules.iter().map(|rule| rule.parse().unwrap());
        let options = LoadOptions {
            rename: rules.collect(),
            ..LoadOptions::default()
        };
        open_with(&path, &spec(), &options).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn relatives_of_the_network_are_recognised_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for (names, words) in [
        (vec!["module.base_model.res3a_1.weight"], "June 2018"),
        (
            vec![
                "conv1.conv.weight",
                "inception_3a.branch1.conv.weight",
                "fc1.weight",
            ],
            "omsmruti",
        ),
        (
            vec!["inception_3a_1x1.weight", "inception_4a_1x1.weight"],
            "BN-Inception alone",
        ),
        (
            vec![
                "res3a_2.weight",
                "res3b_1.weight",
                "res4a_2.weight",
                "res4a_down.weight",
            ],
            "3D ResNet-18 alone",
        ),
        (
            vec!["layer1.0.conv1.weight", "fc.weight"],
            "torchvision ResNet",
        ),
    ] {
        let tensors: Vec<_> = names.iter().map(|n| (n.to_string(), vec![9])).collect();
        let report = mismatch(&file(&folder, &tensors));
        assert!(
            report.hints.iter().any(|h| h.to_string().contains(words)),
            "{words}: {:?}",
            report.hints
        );
    }
}

#[test]
fn a_partial_import_says_what_is_missing_and_the_result_remembers_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, &model()[..5]);
    let report = mismatch(&path);
    assert!(report.hints.contains(&Hint::NoHead), "{:?}", report.hints);
    let load = LoadOptions {
        strictness: Strictness::Partial,
        ..LoadOptions::default()
    };
    let options = ImportOptions {
        load: load.clone(),
        ..ImportOptions::default()
    };
    let mut import = Import::prepare(&path, &spec(), &options).unwrap();
    assert_eq!(import.report().verdict, Verdict::Partial);
    let out = folder.path().join("out.safetensors");
    import.write(&out).unwrap();
    assert!(
        open(&out, &spec()).is_err(),
        "what is missing must not go unnoticed"
    );
    let loaded = open_with(&out, &spec(), &load).unwrap();
    assert_eq!(
        loaded.metadata().missing,
        ["fc_final.weight", "fc_final.bias"]
    );
    assert_eq!(loaded.classes(), None);
}

#[test]
fn a_mismatch_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, &model()[..3]);
    let mut import = Import::prepare(&path, &spec(), &ImportOptions::default()).unwrap();
    assert_eq!(import.report().verdict, Verdict::Mismatch);
    assert!(
        import
            .write(&folder.path().join("out.safetensors"))
            .is_err()
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_the_user_says_about_the_weights_is_written_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = model();
    tensors[5].1 = vec![3, 2];
    tensors[6].1 = vec![3];
    let path = file(&folder, &tensors);
    let labels = folder.path().join("labels.csv");
    std::fs::write(&labels, "index,label\n0,a\n1,b\n2,\"c, d\"\n").unwrap();
    let options = ImportOptions {
        labels: Some(LabelSource::parse(labels.to_str().unwrap())),
        preprocess: Some(Preprocess::Book),
        segments: Some(8),
        precision: Precision::Half,
        ..ImportOptions::default()
    };
    let mut import = Import::prepare(&path, &spec(), &options).unwrap();
    let out = folder.path().join("out.safetensors");
    import.write(&out).unwrap();
    let loaded = open(&out, &spec()).unwrap();
    let expected = Metadata {
        classes: Some(3),
        labels: Some(vec!["a".into(), "b".into(), "c, d".into()]),
        segments: 8,
        preprocess: Preprocess::Book,
        assumed: Assumed::default(),
        source_file: Some("model.safetensors".into()),
        source_sha256: import.metadata().source_sha256.clone(),
        eco_version: Some(env!("CARGO_PKG_VERSION").into()),
        ..Metadata::default()
    };
    assert_eq!(loaded.metadata(), &expected);
    assert_eq!(loaded.report().converted[0].from, Dtype::F16);
    assert_eq!(loaded.tensor("fc_final.weight").unwrap().dtype, Dtype::F32);
    let wrong = ImportOptions {
        labels: Some(LabelSource::parse("ucf101")),
        ..options
    };
    let error = Import::prepare(&path, &spec(), &wrong).err().unwrap();
    assert_eq!(error.class(), ErrorClass::Usage);
}

#[test]
fn a_known_class_count_offers_names_and_only_400_takes_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = model();
    let import =
        Import::prepare(&file(&folder, &tensors), &spec(), &ImportOptions::default()).unwrap();
    assert_eq!(import.metadata().labels.as_ref().unwrap()[399], "zumba");
    tensors[5].1 = vec![51, 2];
    tensors[6].1 = vec![51];
    let import =
        Import::prepare(&file(&folder, &tensors), &spec(), &ImportOptions::default()).unwrap();
    assert_eq!(import.metadata().labels, None);
    let lists = import.report().hints.iter().find_map(|hint| match hint {
        Hint::Labels { classes: 51, lists } => Some(lists.clone()),
        _ => None,
    });
    let lists = lists.expect("lists with 51 names");
    assert!(
        lists.iter().all(|list| list.starts_with("hmdb51")),
        "{lists:?}"
    );
}

#[test]
fn values_that_are_no_numbers_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, &model());
    let mut bytes = std::fs::read(&path).unwrap();
    let len = bytes.len();
    bytes[len - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let import = Import::prepare(&path, &spec(), &ImportOptions::default()).unwrap();
    assert_eq!(import.report().non_finite.len(), 1);
    assert!(ReportText(import.report()).to_string().contains("1 of"));
}

/// A zip checkpoint of dictionaries that each hold one tensor `a.weight`.
fn nested(folder: &TempDir, keys: &[&str]) -> PathBuf {
    let tensor = TensorForge::new("0", 2, 3);
    let state = dict(&[("a.weight", tensor.pickled(b""))]);
    let items: Vec<(&str, Vec<u8>)> = keys.iter().map(|key| (*key, state.clone())).collect();
    let root = dict(&items);
    let path = folder.path().join("nested.pth");
    std::fs::write(
        &path,
        forge::zip(&forge::torch_records(&root, &[("0", floats(6))])),
    )
    .unwrap();
    path
}

fn small_spec() -> Models {
    models(&[("a.weight", &[2, 3])])
}

#[test]
fn two_dictionaries_that_fit_are_a_choice_for_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let path = nested(&folder, &["best", "last"]);
    match open(&path, &small_spec()).err().unwrap() {
        LoadError::Select(SelectError::Ambiguous { candidates, .. }) => {
            assert_eq!(candidates, ["best", "last"])
        }
        other => panic!("{other}"),
    }
    let options = LoadOptions {
        key: Some("last".into()),
        ..LoadOptions::default()
    };
    let loaded = open_with(&path, &small_spec(), &options).unwrap();
    assert_eq!(loaded.report().key, "last");
    let wrong = LoadOptions {
        key: Some("nothing".into()),
        ..LoadOptions::default()
    };
    let error = open_with(&path, &small_spec(), &wrong).err().unwrap();
    assert!(error.to_string().contains("best, last"), "{error}");
}

#[test]
fn moving_averages_are_used_only_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let beside = nested(&folder, &["state_dict_ema", "state_dict"]);
    assert_eq!(
        open(&beside, &small_spec()).unwrap().report().key,
        "state_dict"
    );
    let options = LoadOptions {
        key: Some("state_dict_ema".into()),
        ..LoadOptions::default()
    };
    let asked = open_with(&beside, &small_spec(), &options).unwrap();
    assert_eq!(asked.report().key, "state_dict_ema");
    let alone = nested(&folder, &["model_ema"]);
    let error = open(&alone, &small_spec()).err().unwrap().to_string();
    assert!(
        error.contains("moving averages") && error.contains("model_ema"),
        "{error}"
    );
}

#[test]
fn keys_cannot_steer_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let keys = ["\u{1b}[2Ja", "\u{1b}[2Jb"];
    let one = open(&nested(&folder, &keys[..1]), &small_spec()).unwrap();
    let both = open(&nested(&folder, &keys), &small_spec()).err().unwrap();
    let wrong = LoadOptions {
        key: Some("x".into()),
        ..LoadOptions::default()
    };
    let wrong = open_with(&nested(&folder, &keys), &small_spec(), &wrong);
    for said in [
        ReportText(one.report()).to_string(),
        both.to_string(),
        wrong.err().unwrap().to_string(),
    ] {
        let steers = |c: char| c.is_control() && c != '\n';
        assert!(!said.contains(steers) && said.contains("[2Ja"), "{said}");
    }
}

#[test]
fn a_key_with_a_dot_in_it_is_not_listed_as_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = open(&nested(&folder, &["model.v1"]), &small_spec()).unwrap();
    assert_eq!(loaded.report().key, "model.v1");
    assert_eq!(loaded.report().ignored, []);
}

#[test]
fn weights_that_are_imported_again_keep_the_name_and_hash_of_their_source() {
    let folder = tempfile::tempdir().unwrap();
    let mut from = file(&folder, &model());
    let mut sources = Vec::new();
    for name in ["once.safetensors", "twice.safetensors"] {
        let mut import = Import::prepare(&from, &spec(), &ImportOptions::default()).unwrap();
        from = folder.path().join(name);
        import.write(&from).unwrap();
        let Metadata {
            source_file,
            source_sha256,
            ..
        } = open(&from, &spec()).unwrap().metadata().clone();
        sources.push((source_file.unwrap(), source_sha256.unwrap()));
    }
    assert_eq!(sources[0], sources[1]);
    assert_eq!(sources[0].0, "model.safetensors");
}

#[test]
fn one_dictionary_under_two_keys_is_found_under_either() {
    let folder = tempfile::tempdir().unwrap();
    let tensor = TensorForge::new("0", 2, 3);
    // d = {}, remembered while it is empty; {'best': d, 'state_dict': d}
    let filled = [
        &b"}q\x05"[..],
        &pickle::text("a.weight"),
        &tensor.pickled(b""),
        b"s",
    ]
    .concat();
    let root = [
        &b"}("[..],
        &pickle::text("best"),
        &filled,
        &pickle::text("state_dict"),
        b"h\x05u",
    ];
    let path = folder.path().join("twice.pth");
    let records = forge::torch_records(&root.concat(), &[("0", floats(6))]);
    std::fs::write(&path, forge::zip(&records)).unwrap();
    for key in [None, Some("best"), Some("state_dict")] {
        let options = LoadOptions {
            key: key.map(String::from),
            ..LoadOptions::default()
        };
        let loaded = open_with(&path, &small_spec(), &options).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(loaded.tensor("a.weight").unwrap().data.as_ref(), floats(6));
    }
}

#[test]
fn what_users_have_by_mistake_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let unpacked = folder.path().join("model");
    std::fs::create_dir_all(unpacked.join("data")).unwrap();
    std::fs::write(unpacked.join("data.pkl"), "x").unwrap();
    let said = |path: &Path| match Checkpoint::open(path) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("read"),
    };
    assert!(said(&unpacked).contains("unpacked"), "{}", said(&unpacked));
    assert!(
        said(folder.path()).contains("zip -0 -r model.pth model"),
        "{}",
        said(folder.path())
    );
    let sound = forge::sound();
    let with = |bytes: &[u8]| {
        let path = folder.path().join("x.pth");
        std::fs::write(&path, bytes).unwrap();
        said(&path)
    };
    assert!(with(b"").contains("is empty"));
    assert!(with(b"<!DOCTYPE html><html>").contains("an HTML page"));
    assert!(with(b"\x1f\x8b\x08\x00").contains("a gzip archive"));
    assert!(with(&sound["zip"][..300]).contains("download it again"));
    assert!(with(&sound["legacy"][..sound["legacy"].len() - 9]).contains("download it again"));
    assert!(with(&sound["safetensors"][..100]).contains("download it again"));
    let inner = forge::zip(&[forge::Record::new("weights/eco.pth.tar", b"x")]);
    assert!(with(&inner).contains("eco.pth.tar"));
    let script = forge::zip(&[
        forge::Record::new("m/data.pkl", b"N."),
        forge::Record::new("m/constants.pkl", b"N."),
    ]);
    assert!(with(&script).contains("torch.jit.load"));
    assert!(said(&folder.path().join("absent.pth")).contains("cannot read"));
}
