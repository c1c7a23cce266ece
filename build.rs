//! Compiles what `tch` does not bind, and bakes the place of libtorch into the binary, so that it starts from any directory
//! without LD_LIBRARY_PATH.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // FFmpeg 6.1 moved what a stream says beside its packets (such as how its pictures are turned) to the codec's parameters.
    println!("cargo:rustc-check-cfg=cfg(coded_side_data)");
    if std::env::var_os("DEP_FFMPEG_FFMPEG_6_1").is_some() {
        println!("cargo:rustc-cfg=coded_side_data");
    }
    #[cfg(feature = "libtorch")]
    libtorch::link();
}

#[cfg(feature = "libtorch")]
mod libtorch {
    use std::env;
    use std::path::{Path, PathBuf};

    pub(crate) fn link() {
        // torch-sys tells its direct dependents where it found the libraries.
        let Ok(libtorch) = env::var("DEP_TCH_LIBTORCH_LIB") else {
            return;
        };
        println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
        compile(&libtorch);
        // An unpacked archive with the libraries beside the binary wins over the place at build time.
        let beside = match env::var("CARGO_CFG_TARGET_OS").as_deref() {
            Ok("macos") => "@loader_path/../lib",
            _ => "$ORIGIN/../lib",
        };
        println!("cargo:rustc-link-arg=-Wl,-rpath,{beside}");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}");
        // `eco doctor` says so where the system does not tell which libraries are loaded.
        println!("cargo:rustc-env=ECO_LIBTORCH={libtorch}");
    }

    /// Compiles the C++ files against the headers that belong to these libraries, as torch-sys does. What it uses passes no strings, so
    /// it does not matter which C++ ABI the libraries were built with.
    fn compile(libtorch: &str) {
        const SOURCES: [&str; 5] = [
            "src/engine/libtorch/autocast.cpp",
            "src/engine/libtorch/inference.cpp",
            "src/engine/libtorch/queue/graph.cpp",
            "src/engine/libtorch/queue/streams.cpp",
            "src/engine/libtorch/tf32.cpp",
        ];
        SOURCES
            .iter()
            .for_each(|source| println!("cargo:rerun-if-changed={source}"));
        println!("cargo:rerun-if-changed=src/engine/libtorch/queue/failure.h");
        println!("cargo:rerun-if-env-changed=LIBTORCH_INCLUDE");
        let beside = Path::new(libtorch).join("..");
        let root = env::var_os("LIBTORCH_INCLUDE").map_or(beside, PathBuf::from);
        cc::Build::new()
            .cpp(true)
            .std("c++17")
            .warnings(false)
            .include(root.join("include"))
            .files(SOURCES)
            .compile("eco-libtorch");
    }
}
