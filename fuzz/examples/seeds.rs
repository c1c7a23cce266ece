//! Starts a corpus: a small sound file of every container, as the tests make them.

use std::{env, fs, path::PathBuf};

#[allow(dead_code, reason = "only the sound files are used")]
#[path = "../../tests/forge/mod.rs"]
mod forge;

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(
        env::args_os()
            .nth(1)
            .expect("usage: seeds CORPUS_DIRECTORY"),
    );
    fs::create_dir_all(&folder)?;
    for (name, bytes) in forge::sound() {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
