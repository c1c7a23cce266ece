//! Files for the fuzzer to start from.

mod forge;

use std::path::PathBuf;
use std::{env, fs};

/// For each target a folder: small sound files of every container, as the tests make them, and the layers of small Caffe
/// models. `fuzz/README.md` says how to run it.
#[test]
#[ignore = "writes into the folder that ECO_FUZZ_CORPUS names"]
fn sound_files_start_the_corpora() {
    let folder = env::var_os("ECO_FUZZ_CORPUS").map(PathBuf::from);
    let folder = folder.expect("ECO_FUZZ_CORPUS names the folder");
    for (target, files) in [
        ("checkpoint", forge::sound()),
        ("caffe", forge::caffe::parts()),
    ] {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in files {
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
}
