//! Bakes the place of libtorch into the binary, so that it starts from any directory without LD_LIBRARY_PATH.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // torch-sys tells its direct dependents where it found the libraries.
    let Ok(libtorch) = env::var("DEP_TCH_LIBTORCH_LIB") else {
        return;
    };
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    // An unpacked archive with the libraries beside the binary wins over the place at build time.
    let beside = match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("macos") => "@loader_path/../lib",
        _ => "$ORIGIN/../lib",
    };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{beside}");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}");
}
