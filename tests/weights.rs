//! Checkpoints as PyTorch and its users write them: what is read is what PyTorch reads.

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use eco::engine::{ClipBatch, Device, Engine, Libtorch, Precision};
use eco::network::{Network, TensorSpec};
use eco::recipe::Architecture;
use eco::weights::{Checkpoint, LoadError, Loaded, Models, TensorInfo, Weights, open};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

/// Relative L2 distance of logits. Both sides run the same libtorch on the same tensors.
const LOGITS_TOLERANCE: f64 = 1e-5;
const SEGMENTS: usize = 4;

/// What PyTorch makes of a checkpoint.
#[derive(Deserialize)]
struct Expected {
    path: PathBuf,
    classes: usize,
    sha256: String,
    logits: Vec<f64>,
}

/// `scripts/make_checkpoints.py serve`, which makes checkpoints one at a time: together they would
/// take 4 GB.
struct Maker {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
}

impl Maker {
    fn start() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut process = Command::new(common::python())
            .arg(common::root().join("scripts/make_checkpoints.py"))
            .arg("serve")
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let requests = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self {
            process,
            requests,
            answers,
            folder,
        }
    }

    fn make(&mut self, name: &str) -> Expected {
        writeln!(self.requests, "{name}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn clip(&self) -> ClipBatch {
        let file = self.folder.path().join("clip.safetensors");
        common::batch(common::Tensors::read(&file).get("input"))
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spec() -> Vec<TensorSpec> {
    Network::new(Architecture::Lite, 400, SEGMENTS)
        .unwrap()
        .state_dict()
}

/// SHA-256 over the model's tensors in the order of its state_dict.
fn digest(loaded: &Loaded) -> String {
    let mut sha = Sha256::new();
    for wanted in spec() {
        sha.update(&loaded.tensor(&wanted.name).unwrap().data);
    }
    sha.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Opens a checkpoint and compares its tensors and the logits of its network with PyTorch's.
fn compare(expected: &Expected, clip: &ClipBatch) -> Result<(), String> {
    let loaded =
        open(&expected.path, &Models::every().unwrap()).map_err(|error| error.to_string())?;
    if loaded.classes() != Some(expected.classes) {
        return Err(format!("{:?} classes", loaded.classes()));
    }
    if digest(&loaded) != expected.sha256 {
        return Err("the tensors differ".to_string());
    }
    let weights = Weights::open(&expected.path).map_err(|error| error.to_string())?;
    let network = weights.network(Some(SEGMENTS)).unwrap();
    let engine = Libtorch::new(network, &weights, Device::Cpu, Precision::Fp32);
    let output = engine.unwrap().run(clip).unwrap();
    let logits = Tensor::from_slice(output.logits_of(0));
    let wanted = Tensor::from_slice(&expected.logits).to_kind(Kind::Float);
    match common::relative_l2(&logits, &wanted) {
        error if error < LOGITS_TOLERANCE => Ok(()),
        error => Err(format!("the logits differ by {error:e}")),
    }
}

#[test]
fn every_form_of_checkpoint_gives_the_tensors_and_logits_of_pytorch() {
    let names = common::script("make_checkpoints.py", ["list"]);
    let mut maker = Maker::start();
    let mut clip = None;
    let mut failures = Vec::new();
    for name in names.lines() {
        let expected = maker.make(name);
        let clip = clip.get_or_insert_with(|| maker.clip());
        if let Err(reason) = compare(&expected, clip) {
            failures.push(format!("{name}: {reason}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn an_imported_file_loads_strictly_in_pytorch_and_carries_its_meaning() {
    let mut maker = Maker::start();
    let expected = maker.make("official_nested");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let out = folder.path().join("out.safetensors");
    let run = eco(
        &["load-weights", text(&expected.path), "-o", text(&out)],
        folder.path(),
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains("matched 216 of 216 tensors"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("eco classify"), "{}", run.stderr);
    let loaded = common::script(
        "make_checkpoints.py",
        ["strict", text(&out), &expected.sha256],
    );
    assert_eq!(loaded.trim(), "216");

    let written = open(&out, &Models::every().unwrap()).unwrap();
    let metadata = written.metadata();
    assert_eq!(metadata.epoch, Some(35));
    assert_eq!(metadata.arch.as_deref(), Some("ECO"));
    assert_eq!(metadata.best_prec1, Some(62.1));
    assert_eq!(metadata.classes, Some(400));
    assert_eq!(metadata.labels.as_ref().unwrap()[0], "abseiling");
    assert_eq!(
        metadata.source_file.as_deref(),
        Some("official_nested.pth.tar")
    );
    let bytes = std::fs::read(&expected.path).unwrap();
    let sha: String = Sha256::digest(&bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(metadata.source_sha256.as_deref(), Some(sha.as_str()));

    let half = folder.path().join("half.safetensors");
    let run = eco(
        &["load-weights", "--half", text(&out), "-o", text(&half)],
        folder.path(),
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    let size = std::fs::metadata(&half).unwrap().len();
    assert!((75_000_000..75_200_000).contains(&size), "{size}");
    common::script("make_checkpoints.py", ["strict", text(&half), "-"]);
    let kept = open(&half, &Models::every().unwrap()).unwrap();
    assert_eq!(kept.metadata().epoch, Some(35));
}

#[test]
fn numbers_beside_the_weights_are_kept_whatever_their_type() {
    let mut maker = Maker::start();
    let numpy = maker.make("numpy_scalar");
    let loaded = open(&numpy.path, &Models::every().unwrap()).unwrap();
    assert_eq!(loaded.metadata().epoch, Some(12));
    assert_eq!(loaded.metadata().best_prec1, Some(64.25));
    let tensors = maker.make("with_optimizer");
    let loaded = open(&tensors.path, &Models::every().unwrap()).unwrap();
    assert_eq!(loaded.metadata().epoch, Some(7));
    assert_eq!(loaded.metadata().best_prec1, Some(61.5));
    let ignored: Vec<&str> = loaded
        .report()
        .ignored
        .iter()
        .map(|i| i.key.as_str())
        .collect();
    assert_eq!(ignored, ["epoch", "best_acc1", "optimizer"]);
}

/// Small checkpoints of every container.
fn small() -> PathBuf {
    common::made_once("make_checkpoints.py", "small", |folder| {
        common::script(
            "make_checkpoints.py",
            ["small".as_ref(), folder.as_os_str()],
        );
    })
}

/// The bytes of every tensor of a small checkpoint, by name.
fn values(checkpoint: &Checkpoint) -> BTreeMap<String, Vec<u8>> {
    let value = |(index, tensor): (usize, &TensorInfo)| {
        let name = tensor.name.trim_start_matches("state_dict.").to_string();
        (name, checkpoint.read(index).unwrap().data.into_owned())
    };
    let tensors = checkpoint.tensors().iter().enumerate();
    tensors
        .map(value)
        .filter(|(name, _)| name != "epoch")
        .collect()
}

#[test]
fn small_files_of_every_container_hold_the_same_tensors() {
    let expected = values(&Checkpoint::open(&small().join("zip.pth")).unwrap());
    for name in [
        "zip.pth",
        "zip1.pth",
        "zip3.pth",
        "zip4.pth",
        "zip5.pth",
        "legacy.pth",
        "legacy4.pth",
        "tar.pth",
        "python2.pth",
        "flat.safetensors",
        "old_parameter.pth",
        "defaultdict.pth",
        "beside.pth",
        "numpy.pth",
        "numpy_nested.pth",
        "numpy2.pkl",
        "numpy3.pkl",
        "numpy4.pkl",
        "numpy5.pkl",
        "python2_numpy.pkl",
    ] {
        let checkpoint = Checkpoint::open(&small().join(name)).unwrap();
        let mut names: Vec<&str> = checkpoint
            .tensors()
            .iter()
            .map(|e| e.name.trim_start_matches("state_dict."))
            .filter(|name| *name != "epoch")
            .collect();
        names.sort();
        assert_eq!(names, ["a.bias", "a.weight", "n"], "{name}");
        assert_eq!(values(&checkpoint), expected, "{name}");
    }
}

#[test]
fn what_cannot_be_represented_is_refused_by_its_name() {
    for (name, words) in [
        ("torchscript.pt", "a TorchScript archive"),
        ("sparse.pth", "sparse tensors"),
        ("quantised.pth", "quantised tensors"),
        ("complex.pth", "complex tensors"),
        ("list.pth", "no dictionary of tensors but a list"),
        (
            "object.pth",
            "tensors inside an object of __main__.Unreadable",
        ),
        ("pickled.pkl", "written by pickle.dump"),
        (
            "data.pkl",
            "the data.pkl of a checkpoint archive that was unpacked",
        ),
        ("numpy_big_endian.pth", "NumPy arrays are big-endian"),
        ("numpy.npz", "a NumPy archive"),
        ("numpy_object.npy", "a Python object that NumPy saved"),
        ("numpy.npy", "one NumPy array"),
    ] {
        let error = match Checkpoint::open(&small().join("refused").join(name)) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{name} was read"),
        };
        assert!(error.contains(words), "{name}: {error}");
    }
}

#[cfg(unix)]
#[test]
fn a_recipe_that_is_printed_runs_when_it_is_pasted() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let python = bin.join("python3");
    std::fs::write(
        &python,
        format!("#!/bin/sh\nexec '{}' \"$@\"\n", common::python().display()),
    )
    .unwrap();
    std::fs::set_permissions(&python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for (name, ending) in [
        ("torchscript.pt", ".state_dict.pth"),
        ("sparse.pth", ".state_dict.pth"),
        ("quantised.pth", ".state_dict.pth"),
        ("list.pth", ".state_dict.pth"),
        ("pickled.pkl", ".pth"),
        ("numpy_big_endian.pth", ".state_dict.pth"),
        ("numpy.npz", ".pth"),
        ("numpy_object.npy", ".pth"),
    ] {
        // A name that a shell would take apart.
        let path = folder.path().join(format!("it's $HOME {name}"));
        std::fs::copy(small().join("refused").join(name), &path).unwrap();
        let error = Checkpoint::open(&path).err().unwrap().to_string();
        let (_, recipe) = error
            .split_once("\n  ")
            .unwrap_or_else(|| panic!("{name}: {error}"));
        let path_with_python = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let run = Command::new("bash")
            .args(["-c", recipe])
            .env("PATH", path_with_python)
            .output()
            .unwrap();
        assert!(
            run.status.success(),
            "{recipe}\n{}",
            String::from_utf8_lossy(&run.stderr)
        );
        let mut saved = path.into_os_string();
        saved.push(ending);
        let saved = Checkpoint::open(Path::new(&saved)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(!saved.is_empty(), "{name}");
    }
}

#[test]
fn inspect_says_what_pytorch_says_about_every_tensor() {
    for name in ["zip.pth", "legacy.pth", "flat.safetensors"] {
        let file = small().join(name);
        let expected = common::script("make_checkpoints.py", ["inspect", text(&file)]);
        let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
        let run = eco(
            &["inspect", "--format", "json", text(&file)],
            Path::new("."),
        );
        assert_eq!(run.code, 0, "{}", run.stderr);
        let found: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        for tensor in found["tensors"].as_array().unwrap() {
            let name = tensor["name"]
                .as_str()
                .unwrap()
                .trim_start_matches("state_dict.");
            let wanted = &expected[name];
            assert_eq!(tensor["shape"], wanted[0], "{name}");
            for (place, key) in ["mean", "min", "max"].iter().enumerate() {
                let (a, b) = (&tensor["stats"][key], &wanted[place + 1]);
                let difference = a.as_f64().unwrap() - b.as_f64().unwrap();
                assert!(difference.abs() < 1e-12, "{name} {key}: {a} {b}");
            }
        }
    }
}

struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs the program with a user's data directory of its own.
fn eco(args: &[&str], directory: &Path) -> Run {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_eco"))
        .args(args)
        .current_dir(directory)
        .env("XDG_DATA_HOME", home.path())
        .env("HOME", home.path())
        .env_remove("ECO_WEIGHTS")
        .output()
        .unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_file_that_is_no_eco_model_is_a_mismatch_with_a_full_report() {
    let error = match open(&small().join("zip.pth"), &Models::every().unwrap()) {
        Err(LoadError::Mismatch(report)) => report,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("loaded"),
    };
    assert_eq!(error.matched, 0);
    assert_eq!(error.missing.len(), 216);
    assert_eq!(error.unexpected.len(), 2);
}
