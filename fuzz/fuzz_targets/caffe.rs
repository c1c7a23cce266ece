//! Any bytes as the layers of a Caffe model: listing it and reading every blob must end in an error or in as many values as
//! the shape says, no more than the file holds.

#![no_main]

use std::io::Write;

use eco::weights::Checkpoint;
use libfuzzer_sys::fuzz_target;

/// The name of a net and a layer without blobs, so that what follows is taken for a model.
const START: &[u8] = b"\x0a\x03o3d\xa2\x06\x06\x0a\x04data";

fuzz_target!(|data: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    let written = file.write_all(START).and_then(|()| file.write_all(data));
    written.expect("space for it");
    let Ok(checkpoint) = Checkpoint::open(file.path()) else {
        return;
    };
    let mut total = 0;
    for (index, tensor) in checkpoint.tensors().iter().enumerate() {
        let Ok(values) = checkpoint.read(index) else {
            continue;
        };
        assert_eq!(values.data.len(), tensor.bytes());
        total += values.data.len();
    }
    assert!(total <= data.len());
});
