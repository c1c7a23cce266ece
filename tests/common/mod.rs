//! What several tests share: the Python that runs the reference, and the files it makes.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Python with PyTorch: ECO_PYTHON, else the one that `make setup-full` prepares.
pub(crate) fn python() -> PathBuf {
    env::var_os("ECO_PYTHON").map_or_else(|| root().join(".venv/bin/python"), PathBuf::from)
}

/// Runs a script of `scripts/` and returns what it printed.
pub(crate) fn script<S: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = S>) -> String {
    let output = Command::new(python())
        .arg(root().join("scripts").join(name))
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run `make setup-full`", python().display()));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "scripts/{name} failed:\n{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder that `fill` makes once for this content of `scripts/`, and that later runs find again: scripts import one
/// another, so that a change of any makes everything anew. `purpose` tells apart what one script makes.
pub(crate) fn made_once(name: &str, purpose: &str, fill: impl FnOnce(&Path)) -> PathBuf {
    // Tests of one process run side by side: one makes, the others find.
    static MAKING: Mutex<()> = Mutex::new(());
    let _turn = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let content = scripts_hash();
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

/// Changes with every Python script, in its name or its content.
fn scripts_hash() -> u64 {
    let entries = fs::read_dir(root().join("scripts")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "py"));
    paths.sort();
    let mut hasher = DefaultHasher::new();
    for path in paths {
        path.file_name().hash(&mut hasher);
        fs::read(&path).unwrap().hash(&mut hasher);
    }
    hasher.finish()
}

/// The reference's checkpoint of ECO-Lite, inputs and outputs (`scripts/reference.py cases`).
pub(crate) fn reference_cases() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| cases("lite"))
}

/// The same for ECO-Full.
pub(crate) fn reference_cases_of_full() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| cases("full"))
}

fn cases(arch: &str) -> PathBuf {
    made_once("reference.py", &format!("cases-{arch}"), |folder| {
        let args = [
            OsStr::new("cases"),
            folder.as_os_str(),
            OsStr::new("--arch"),
            OsStr::new(arch),
        ];
        script("reference.py", args);
    })
}

#[cfg(feature = "libtorch")]
#[allow(unused_imports, reason = "each test binary uses its own part")]
pub(crate) use tensors::{Tensors, batch, relative_l2};

#[cfg(feature = "libtorch")]
mod tensors {
    use std::collections::HashMap;
    use std::path::Path;

    use eco::engine::ClipBatch;
    use tch::{Kind, Tensor};

    /// The tensors of a safetensors file by name.
    pub(crate) struct Tensors(pub HashMap<String, Tensor>);

    impl Tensors {
        pub(crate) fn read(path: &Path) -> Self {
            let tensors = Tensor::read_safetensors(path)
                .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            Self(tensors.into_iter().collect())
        }

        pub(crate) fn get(&self, name: &str) -> &Tensor {
            self.0
                .get(name)
                .unwrap_or_else(|| panic!("the reference has no {name}"))
        }
    }

    /// `[clips, segments, 3, 224, 224]` as engines take it.
    pub(crate) fn batch(input: &Tensor) -> ClipBatch {
        let size = input.size();
        let mut batch = ClipBatch::zeros(size[0] as usize, size[1] as usize);
        let count = batch.values.len();
        input.contiguous().copy_data(&mut batch.values, count);
        batch
    }

    /// |found - expected| / |expected|, both as one long vector in float64.
    pub(crate) fn relative_l2(found: &Tensor, expected: &Tensor) -> f64 {
        assert_eq!(found.size(), expected.size());
        let [found, expected] = [found, expected].map(|t| t.to_kind(Kind::Double));
        let norm = |t: &Tensor| t.square().sum(Kind::Double).double_value(&[]).sqrt();
        norm(&(found - &expected)) / norm(&expected)
    }
}
