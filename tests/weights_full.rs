//! Which network a file is for: ECO-Lite, ECO-Full, or the parts that their training starts from.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use eco::network::Network;
use eco::recipe::Architecture;
use eco::weights::{
    Checkpoint, Dtype, Hint, Import, ImportOptions, LoadError, LoadOptions, MatchReport, Models,
    RawTensor, Strictness, Verdict, Weights, open, write,
};
use tempfile::TempDir;

type Tensors = Vec<(String, RawTensor<'static>)>;

/// Names and shapes of the official ECO-Full, a tensor a line.
const OFFICIAL: &str = include_str!("official/eco_full.txt");

/// A float32 tensor whose values count from 0 in steps that float32 holds exactly.
fn tensor(name: impl Into<String>, shape: &[usize]) -> (String, RawTensor<'static>) {
    let name = name.into();
    let counter = name.ends_with("num_batches_tracked");
    let data = match counter {
        true => 7_i64.to_le_bytes().to_vec(),
        false => {
            let values = (0..shape.iter().product::<usize>()).map(|i| (i % 4096) as f32 + 1.0);
            values.flat_map(f32::to_le_bytes).collect()
        }
    };
    let dtype = if counter { Dtype::I64 } else { Dtype::F32 };
    let shape = shape.to_vec();
    (
        name,
        RawTensor {
            dtype,
            shape,
            data: data.into(),
        },
    )
}

/// The official ECO-Full with `prefix` before every name, in the order of the official state_dict.
fn official(prefix: &str) -> Tensors {
    let line = |line: &str| {
        let (name, shape) = line.split_once(' ').unwrap();
        let shape: Vec<usize> = serde_json::from_str(shape).unwrap();
        tensor(format!("{prefix}{name}"), &shape)
    };
    OFFICIAL.lines().map(line).collect()
}

/// A network under its own names.
fn network(architecture: Architecture, classes: usize) -> Tensors {
    let network = Network::new(architecture, classes, 16).unwrap();
    let specs = network.state_dict().into_iter();
    specs.map(|spec| tensor(spec.name, &spec.shape)).collect()
}

/// BN-Inception as it is shared: bare names, batch norms of two axes, a classifier of its own.
fn bn_inception() -> Tensors {
    let is_2d = |(name, _): &(String, RawTensor<'_>)| {
        name.starts_with("conv") || name.starts_with("inception")
    };
    let mut tensors: Tensors = official("").into_iter().filter(is_2d).collect();
    tensors.retain(|(name, _)| !name.ends_with("num_batches_tracked"));
    for (name, tensor) in &mut tensors {
        if name.contains("_bn.") {
            tensor.shape.insert(0, 1);
        }
    }
    tensors.push(tensor("fc.weight", &[1000, 1024]));
    tensors.push(tensor("fc.bias", &[1000]));
    tensors
}

/// C3D-ResNet18: layers of its own before `res3a_2`, which has 128 input channels.
fn resnet() -> Tensors {
    let is_3d = |(name, _): &(String, RawTensor<'_>)| name.starts_with("module.base_model.res");
    let mut tensors: Tensors = official("module.base_model.")
        .into_iter()
        .filter(is_3d)
        .collect();
    tensors[0] = tensor("module.base_model.res3a_2.weight", &[128, 128, 3, 3, 3]);
    tensors.push(tensor(
        "module.base_model.res2a_2.weight",
        &[64, 64, 3, 3, 3],
    ));
    tensors.push(tensor("module.new_fc.weight", &[400, 512]));
    tensors.push(tensor("module.new_fc.bias", &[400]));
    tensors
}

fn file(folder: &TempDir, tensors: &Tensors) -> PathBuf {
    let path = folder.path().join("weights.safetensors");
    write(&path, tensors, &Default::default()).unwrap();
    path
}

fn import(path: &Path, architecture: Option<Architecture>, strictness: Strictness) -> Import {
    let options = ImportOptions {
        load: LoadOptions {
            strictness,
            ..LoadOptions::default()
        },
        ..ImportOptions::default()
    };
    let models = Models::asked_for(architecture).unwrap();
    Import::prepare(path, &models, &options).unwrap_or_else(|error| panic!("{error}"))
}

/// How many tensors of each part of the network were found.
fn parts(report: &MatchReport) -> Vec<(&str, usize, usize)> {
    let parts = report.parts.iter();
    parts
        .map(|part| (part.name.as_str(), part.matched, part.total))
        .collect()
}

#[test]
fn a_network_is_recognised_by_its_tensors_under_official_flat_and_nested_names() {
    let folder = tempfile::tempdir().unwrap();
    for (tensors, architecture, classes) in [
        (official("module.base_model."), Architecture::Full, 400),
        (official(""), Architecture::Full, 400),
        (network(Architecture::Full, 101), Architecture::Full, 101),
        (network(Architecture::Lite, 51), Architecture::Lite, 51),
    ] {
        let path = file(&folder, &tensors);
        let weights = Weights::open(&path).unwrap();
        assert_eq!(weights.metadata().architecture, architecture);
        let network = weights.network(Some(8)).unwrap();
        assert_eq!(
            (network.architecture(), network.classes()),
            (architecture, classes)
        );
        let expected = [512, 1536][usize::from(architecture == Architecture::Full)];
        assert_eq!(weights.features(), expected);
    }
}

#[test]
fn an_imported_eco_full_says_so_and_has_the_official_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut shuffled = official("module.base_model.");
    shuffled.reverse();
    let path = file(&folder, &shuffled);
    let mut import = import(&path, None, Strictness::Strict);
    assert_eq!(import.report().verdict, Verdict::Complete);
    assert_eq!((import.report().matched, import.report().total), (566, 566));
    let out = folder.path().join("out.safetensors");
    import.write(&out).unwrap();
    let written = Checkpoint::open(&out).unwrap();
    assert_eq!(written.metadata()["eco.architecture"], "ECO-Full");
    let found = written.tensors().iter().map(|entry| {
        let parts: Vec<&str> = entry.name.split('.').collect();
        format!("{} {:?}", parts[parts.len() - 2..].join("."), entry.shape)
    });
    let found: Vec<String> = found.collect();
    let official: Vec<&str> = OFFICIAL.lines().collect();
    assert_eq!(found, official);
    let read = open(&out, &Models::every().unwrap()).unwrap();
    assert_eq!(read.metadata().architecture, Architecture::Full);
}

#[test]
fn a_file_asked_to_be_the_other_network_is_refused_with_what_fits() {
    let folder = tempfile::tempdir().unwrap();
    for (is, asked, fits, of_its_own) in [
        (Architecture::Lite, Architecture::Full, (214, 566), 216),
        (Architecture::Full, Architecture::Lite, (214, 216), 566),
    ] {
        let path = file(&folder, &network(is, 400));
        let error = open(&path, &Models::asked_for(Some(asked)).unwrap())
            .err()
            .unwrap();
        let text = error.to_string();
        let LoadError::Mismatch(report) = error else {
            panic!("{text}");
        };
        assert_eq!((report.matched, report.total), (fits.0, fits.1), "{text}");
        assert!(
            report.hints.contains(&Hint::OtherNetwork {
                network: is,
                matched: of_its_own,
                total: of_its_own,
            }),
            "{text}"
        );
        assert!(
            text.contains(&format!("of {asked}")) && text.contains(&format!("of {is}")),
            "{text}"
        );
    }
}

#[test]
fn eco_full_that_lacks_a_tensor_is_still_taken_for_eco_full() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = official("module.base_model.");
    tensors.retain(|(name, _)| !name.ends_with("inception_5a_3x3.weight"));
    let error = open(&file(&folder, &tensors), &Models::every().unwrap())
        .err()
        .unwrap();
    let LoadError::Mismatch(report) = error else {
        panic!("{error}");
    };
    assert_eq!(
        (report.architecture, report.matched),
        (Architecture::Full, 565)
    );
    let missing: Vec<&str> = report
        .missing
        .iter()
        .map(|named| named.name.as_str())
        .collect();
    assert_eq!(missing, ["eco_2d_s.inception_5a.inception_5a_3x3.weight"]);
    let others = report
        .hints
        .iter()
        .filter(|hint| matches!(hint, Hint::OtherNetwork { .. }));
    assert_eq!(others.count(), 0);
}

#[test]
fn weights_of_eco_lite_start_an_eco_full() {
    let folder = tempfile::tempdir().unwrap();
    // As eco writes them: with names of classes.
    let mut lite = import(
        &file(&folder, &network(Architecture::Lite, 400)),
        None,
        Strictness::Strict,
    );
    let start = folder.path().join("lite.safetensors");
    lite.write(&start).unwrap();

    let mut import = import(&start, Some(Architecture::Full), Strictness::Partial);
    let report = import.report();
    assert_eq!(report.verdict, Verdict::Partial);
    assert_eq!(
        parts(report),
        [
            ("eco_2d", 133, 147),
            ("eco_3d", 81, 81),
            ("eco_2d_s", 0, 336),
            ("fc_final", 0, 2)
        ]
    );
    let out = folder.path().join("full.safetensors");
    import.write(&out).unwrap();
    let read = Checkpoint::open(&out).unwrap();
    assert_eq!(read.metadata()["eco.architecture"], "ECO-Full");
    // It cannot run yet: of 566 tensors 214 were taken, and the classifier, of another width, is missing like the others.
    let error = Weights::open(&out).err().unwrap().to_string();
    assert!(error.contains("partial: 352 of"), "{error}");
}

#[test]
fn a_part_of_eco_full_is_not_taken_for_the_notebooks_weights() {
    let folder = tempfile::tempdir().unwrap();
    let nested = network(Architecture::Full, 400);
    let path = file(&folder, &nested);
    let import = import(&path, Some(Architecture::Lite), Strictness::Partial);
    let hints = &import.report().hints;
    assert!(
        matches!(hints[..], [Hint::OtherNetwork { .. }, ..]),
        "{hints:?}"
    );
    assert!(!hints.contains(&Hint::Notebook), "{hints:?}");
}

#[test]
fn bn_inception_starts_the_2d_nets_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, &bn_inception());
    for (asked, expected) in [
        (
            Architecture::Lite,
            vec![("eco_2d", 133, 133), ("eco_3d", 0, 81), ("fc_final", 0, 2)],
        ),
        (
            Architecture::Full,
            vec![
                ("eco_2d", 147, 147),
                ("eco_3d", 0, 81),
                ("eco_2d_s", 336, 336),
                ("fc_final", 0, 2),
            ],
        ),
    ] {
        let mut import = import(&path, Some(asked), Strictness::Partial);
        assert_eq!(import.report().verdict, Verdict::Partial);
        assert_eq!(parts(import.report()), expected);
        assert!(matches!(
            import.report().hints[..],
            [Hint::StartingPoint(_), ..]
        ));
        import
            .write(&folder.path().join("out.safetensors"))
            .unwrap();
        let written = Checkpoint::open(&folder.path().join("out.safetensors")).unwrap();
        assert_eq!(written.metadata()["eco.architecture"], asked.name());
        let norm = written
            .tensors()
            .iter()
            .find(|entry| entry.name.ends_with("conv1_7x7_s2_bn.running_var"));
        assert_eq!(norm.unwrap().shape, [64]);
    }
    // Strictly it is no network.
    assert!(Weights::open(&path).is_err());
}

#[test]
fn the_3d_resnet_starts_the_3d_net_with_the_first_96_of_128_input_channels() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = resnet();
    let path = file(&folder, &tensors);
    for asked in Architecture::ALL {
        let mut import = import(&path, Some(asked), Strictness::Partial);
        let report = import.report();
        assert_eq!(report.verdict, Verdict::Partial);
        assert_eq!(parts(report)[1], ("eco_3d", 81, 81));
        assert_eq!(report.shortened.len(), 1);
        let out = folder.path().join("out.safetensors");
        import.write(&out).unwrap();
        let written = Checkpoint::open(&out).unwrap();
        let index = written
            .tensors()
            .iter()
            .position(|entry| entry.name.ends_with("res3a_2.weight"));
        let found = written.read(index.unwrap()).unwrap();
        assert_eq!(found.shape, [128, 96, 3, 3, 3]);
        let (found, whole) = (found.f32s().unwrap(), tensors[0].1.f32s().unwrap());
        for output in [0, 1, 64, 127] {
            let kept = &found[output * 96 * 27..][..96 * 27];
            assert_eq!(
                kept,
                &whole[output * 128 * 27..][..96 * 27],
                "output {output}"
            );
        }
    }
    // Nothing is shortened unless a part is asked for.
    let strict = import(&path, Some(Architecture::Lite), Strictness::Strict);
    assert_eq!(strict.report().verdict, Verdict::Mismatch);
    assert!(strict.report().shortened.is_empty());
}

#[test]
fn an_imported_eco_full_loads_strictly_in_pytorch_under_its_own_and_the_official_names() {
    let folder = tempfile::tempdir().unwrap();
    let reference = common::reference_cases_of_full().join("weights.safetensors");
    let bytes = std::fs::read(&reference).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let official = tensors.iter().map(|(name, view)| {
        let layer = name.rsplitn(3, '.').take(2).collect::<Vec<_>>();
        let name = format!("module.base_model.{}.{}", layer[1], layer[0]);
        let tensor = RawTensor {
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            data: view.data().to_vec().into(),
        };
        (name, tensor)
    });
    let checkpoint = file(&folder, &official.collect());
    let out = folder.path().join("out.safetensors");
    import(&checkpoint, None, Strictness::Strict)
        .write(&out)
        .unwrap();
    let [reference, out] = [&reference, &out].map(|path| path.to_str().unwrap());
    assert_eq!(common::script("reference.py", ["official", out]), "566\n");
    let same = eco(&["diff", reference, out], &folder);
    assert!(
        same.status.success(),
        "{}",
        String::from_utf8_lossy(&same.stdout)
    );
    let shown = eco(&["inspect", out], &folder);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("\nnetwork    ECO-Full\n"), "{shown}");
}

fn eco(arguments: &[&str], folder: &TempDir) -> Output {
    Command::new(env!("CARGO_BIN_EXE_eco"))
        .args(arguments)
        .env("XDG_DATA_HOME", folder.path())
        .output()
        .unwrap()
}

#[test]
fn load_weights_says_which_network_it_took_a_file_for_and_what_is_to_be_trained() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, &bn_inception());
    let path = path.to_str().unwrap();
    let out = folder.path().join("start.safetensors");
    let out = out.to_str().unwrap();
    let text = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();

    let refused = eco(
        &["load-weights", path, "--arch", "lite", "-o", out],
        &folder,
    );
    let said = text(&refused);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(
        said.contains("BN-Inception alone") && said.contains("--partial"),
        "{said}"
    );

    let arguments = [
        "load-weights",
        path,
        "--arch",
        "ECO-Lite",
        "--partial",
        "-o",
        out,
    ];
    let taken = eco(&arguments, &folder);
    let said = text(&taken);
    assert_eq!(taken.status.code(), Some(0), "{said}");
    assert!(
        said.contains("matched 133 of 216 tensors of ECO-Lite"),
        "{said}"
    );
    assert!(
        said.contains("taken       eco_2d (133 of 133 tensors)"),
        "{said}"
    );
    assert!(
        said.contains("to train    eco_3d (81 tensors), fc_final (2 tensors)"),
        "{said}"
    );
}
