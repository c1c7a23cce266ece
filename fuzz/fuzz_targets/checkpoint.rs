//! Any bytes as a checkpoint: listing it, reading every value and matching it with a model must end
//! in an error or a sound result.

#![no_main]

use std::io::Write;

use eco::weights::{Checkpoint, Inspector, TensorSpec, open};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(data).expect("space for it");
    if let Ok(checkpoint) = Checkpoint::open(file.path()) {
        Inspector::new(&checkpoint).for_each(drop);
    }
    let spec = [TensorSpec { name: "a.weight".to_string(), shape: vec![2, 3] }];
    if let Ok(loaded) = open(file.path(), &spec) {
        let _ = loaded.tensor("a.weight");
    }
});
