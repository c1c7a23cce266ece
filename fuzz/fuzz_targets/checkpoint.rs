//! Any bytes as a checkpoint: listing it, reading every value, and importing it for a model must end in an error or a
//! sound result.

#![no_main]

use std::io::Write;

use eco::network::TensorSpec;
use eco::recipe::{Architecture, Preprocess};
use eco::weights::{Checkpoint, Import, ImportOptions, Inspector, Model, Models, ReportText, open};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(data).expect("space for it");
    if let Ok(checkpoint) = Checkpoint::open(file.path()) {
        Inspector::new(&checkpoint).for_each(drop);
    }
    let models = Models::from(Model {
        architecture: Architecture::Lite,
        tensors: vec![TensorSpec {
            name: "a.weight".to_string(),
            shape: vec![2, 3],
        }],
    });
    let options = ImportOptions {
        preprocess: Some(Preprocess::Book),
        ..ImportOptions::default()
    };
    match Import::prepare(file.path(), &models, &options) {
        Ok(import) => drop(ReportText(import.report()).to_string()),
        Err(error) => drop(error.to_string()),
    }
    if let Ok(loaded) = open(file.path(), &models) {
        let tensor = loaded.tensor("a.weight").map(|tensor| tensor.data.len());
        assert!(tensor.is_err() || tensor.is_ok_and(|bytes| bytes == 24));
    }
});
