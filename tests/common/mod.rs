//! What several tests share: the Python that runs the reference, and the files it makes.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::HashMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use eco::engine::ClipBatch;
use tch::{Kind, Tensor};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Python with PyTorch: ECO_PYTHON, else the one that `make setup-full` prepares.
pub fn python() -> PathBuf {
    env::var_os("ECO_PYTHON").map_or_else(|| root().join(".venv/bin/python"), PathBuf::from)
}

/// Runs a script of `scripts/` and returns what it printed.
pub fn script<S: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = S>) -> String {
    let output = Command::new(python())
        .arg(root().join("scripts").join(name))
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run `make setup-full`", python().display()));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "scripts/{name} failed:\n{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder that `fill` makes once for this content of `scripts/{name}`, and that later runs find again. `purpose` tells
/// apart what one script makes.
pub fn made_once(name: &str, purpose: &str, fill: impl FnOnce(&Path)) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    fs::read(root().join("scripts").join(name))
        .unwrap()
        .hash(&mut hasher);
    let content = hasher.finish();
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{purpose}-{content:016x}"));
    if !folder.exists() {
        let unfinished = folder.with_extension(format!("part-{}", std::process::id()));
        fs::create_dir_all(&unfinished).unwrap();
        fill(&unfinished);
        // Another process may have been first: its folder is as good.
        if fs::rename(&unfinished, &folder).is_err() {
            fs::remove_dir_all(&unfinished).unwrap();
        }
    }
    folder
}

/// The reference's checkpoint, inputs and outputs (`scripts/reference.py cases`).
pub fn reference_cases() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        made_once("reference.py", "cases", |folder| {
            script("reference.py", [OsStr::new("cases"), folder.as_os_str()]);
        })
    })
}

/// The tensors of a safetensors file by name.
pub struct Tensors(pub HashMap<String, Tensor>);

impl Tensors {
    pub fn read(path: &Path) -> Self {
        let tensors =
            Tensor::read_safetensors(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Self(tensors.into_iter().collect())
    }

    pub fn get(&self, name: &str) -> &Tensor {
        self.0
            .get(name)
            .unwrap_or_else(|| panic!("the reference has no {name}"))
    }
}

/// `[clips, segments, 3, 224, 224]` as engines take it.
pub fn batch(input: &Tensor) -> ClipBatch {
    let size = input.size();
    let mut batch = ClipBatch::zeros(size[0] as usize, size[1] as usize);
    let count = batch.values.len();
    input.contiguous().copy_data(&mut batch.values, count);
    batch
}

/// |found - expected| / |expected|, both as one long vector in float64.
pub fn relative_l2(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    let [found, expected] = [found, expected].map(|t| t.to_kind(Kind::Double));
    let norm = |t: &Tensor| t.square().sum(Kind::Double).double_value(&[]).sqrt();
    norm(&(found - &expected)) / norm(&expected)
}
