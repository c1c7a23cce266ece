//! Any bytes as a checkpoint: listing it, reading every value, and importing it for a model must end in an error or a
//! sound result.

#![no_main]

use std::io::Write;

use clip::Preprocess;
use libfuzzer_sys::fuzz_target;
use weights::{Checkpoint, Import, ImportOptions, Inspector, ReportText, TensorSpec, open};

#[allow(dead_code, reason = "only the names are used")]
#[path = "../../src/clip/preprocess.rs"]
mod preprocess;

/// What the weights module takes from the rest of eco.
mod clip {
    pub use crate::preprocess::Preprocess;
}

#[allow(
    dead_code,
    unused_imports,
    reason = "compiled alone, so that no libtorch is needed"
)]
#[path = "../../src/weights/mod.rs"]
mod weights;

fuzz_target!(|data: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(data).expect("space for it");
    if let Ok(checkpoint) = Checkpoint::open(file.path()) {
        Inspector::new(&checkpoint).for_each(drop);
    }
    let spec = [TensorSpec {
        name: "a.weight".to_string(),
        shape: vec![2, 3],
    }];
    let options = ImportOptions {
        preprocess: Some(Preprocess::Book),
        ..ImportOptions::default()
    };
    match Import::prepare(file.path(), &spec, &options) {
        Ok(import) => drop(ReportText(import.report()).to_string()),
        Err(error) => drop(error.to_string()),
    }
    if let Ok(loaded) = open(file.path(), &spec) {
        let tensor = loaded.tensor("a.weight").map(|tensor| tensor.data.len());
        assert!(tensor.is_err() || tensor.is_ok_and(|bytes| bytes == 24));
    }
});
