//! Files for the fuzzer to start from.

mod forge;

use std::path::PathBuf;
use std::{env, fs};

/// A small sound file of every container, as the tests make them. `fuzz/README.md` says how to run it.
#[test]
#[ignore = "writes into the folder that ECO_FUZZ_CORPUS names"]
fn a_sound_file_of_every_container_starts_the_corpus() {
    let folder = env::var_os("ECO_FUZZ_CORPUS").map(PathBuf::from);
    let folder = folder.expect("ECO_FUZZ_CORPUS names the folder");
    fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in forge::sound() {
        fs::write(folder.join(name), bytes).unwrap();
    }
}
