//! `eco doctor`: what this machine offers, and what eco would use.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;
use serde::Serialize;

use super::exit::Failure;
use super::flags::WeightsFlags;
use super::weights;
use crate::clip::{Decoder, Ffmpeg};
use crate::engine::{Device, DeviceRequest, EngineOptions};
use crate::recognise::OpenWeights;
use crate::text::{counted, terminal};

/// Show what eco finds on this machine: CPU, libtorch, CUDA, ffmpeg, libav*, weights
///
/// The exit code is 0 even when something is missing, since it may not be needed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    weights: WeightsFlags,
    /// The ffmpeg program, or the folder it is in [default: the one on PATH]
    #[arg(long, value_name = "PATH")]
    ffmpeg: Option<PathBuf>,
    /// Format of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// One line per item
    #[default]
    Text,
    /// A list of objects
    Json,
}

/// Something that eco can use.
#[derive(Debug, Serialize)]
struct Finding {
    name: &'static str,
    /// Whether it was found.
    found: bool,
    /// What was found and where, or why nothing was.
    what: String,
}

impl Finding {
    fn new<E: std::fmt::Display>(name: &'static str, found: Result<String, E>) -> Self {
        let (found, what) = match found {
            Ok(what) => (true, what),
            // Advice on further lines becomes part of the one line.
            Err(reason) => (false, reason.to_string().replace('\n', "; ")),
        };
        Self { name, found, what }
    }
}

/// Looks for everything and prints it.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let findings = [
        Finding::new("eco", Ok::<_, String>(env!("CARGO_PKG_VERSION").into())),
        Finding::new("cpu", Ok::<_, String>(cpu())),
        Finding::new("engine", Ok::<_, String>(engine())),
        Finding::new("libtorch", libtorch()),
        Finding::new("cuda", cuda()),
        Finding::new("ffmpeg", ffmpeg(args.ffmpeg.as_deref())),
        Finding::new("libav", Decoder::default().libraries()),
        Finding::new("weights", found_weights(args.weights.named())),
    ];
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &findings)?;
            writeln!(out)?;
        }
        Format::Text => {
            let width = terminal::width(&out).unwrap_or(usize::MAX);
            for Finding { name, what, .. } in &findings {
                let title = format!("{name:<9} ");
                writeln!(out, "{}", terminal::behind(&title, what, width))?;
            }
        }
    }
    Ok(())
}

/// Cores, and the instruction sets that matter to the engines.
fn cpu() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let features = features();
    let features = match features.is_empty() {
        true => "none of the instructions that make the winograd engine fast".to_owned(),
        false => features.join(" "),
    };
    let threads = counted(cores, "thread", "threads");
    format!("{}, {threads}, {features}", std::env::consts::ARCH)
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let mut features = Vec::new();
    for (name, present) in [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
    ] {
        features.extend(present.then_some(name));
    }
    // The compiler cannot ask for these yet.
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let has = |flag: &str| flags.split_ascii_whitespace().any(|found| found == flag);
    let amx = ["amx_tile", "amx_bf16"];
    features.extend(amx.into_iter().filter(|flag| has(flag)));
    features
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<&'static str> {
    Vec::new()
}

/// The engine that `--engine auto` selects for more than a few frames.
fn engine() -> String {
    let device = DeviceRequest::Auto.resolve().unwrap_or(Device::Cpu);
    let options = EngineOptions {
        device,
        ..EngineOptions::default()
    };
    format!("{} on {device}", options.kind())
}

/// The libtorch that this process has loaded, with its version where a file beside it states one.
fn libtorch() -> Result<String, String> {
    if cfg!(not(feature = "libtorch")) {
        return Err("this eco was built without it: networks run on the CPU engine".to_owned());
    }
    let loaded = fs::read_to_string("/proc/self/maps").map(|maps| mapped_library(&maps));
    let (library, how) = match loaded {
        Ok(library) => (library, ""),
        // Then it is at the first of the places that the program was linked to search.
        Err(_) => (library_in(&searched()), ", where this eco looks first"),
    };
    let library = library.ok_or("loaded, but this system does not say from where")?;
    let version = library.ancestors().nth(2).and_then(version);
    let version = version.unwrap_or("unknown version".into());
    Ok(format!("{version}, {}{how}", library.display()))
}

fn library_name() -> String {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    format!("{DLL_PREFIX}torch_cpu{DLL_SUFFIX}")
}

/// The path of libtorch in what Linux says about the memory of a process.
fn mapped_library(maps: &str) -> Option<PathBuf> {
    let libraries = maps
        .lines()
        .filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])));
    let mut libraries = libraries.filter(|path| path.ends_with(library_name()));
    libraries.next().map(Path::to_owned)
}

/// The folders that `build.rs` has put into the program, in their order.
fn searched() -> Vec<PathBuf> {
    let program = std::env::current_exe().and_then(fs::canonicalize).ok();
    let beside = program.and_then(|program| Some(program.parent()?.parent()?.join("lib")));
    let at_build_time = option_env!("ECO_LIBTORCH").map(PathBuf::from);
    beside.into_iter().chain(at_build_time).collect()
}

fn library_in(folders: &[PathBuf]) -> Option<PathBuf> {
    let mut libraries = folders.iter().map(|folder| folder.join(library_name()));
    libraries.find(|library| library.is_file())
}

/// The version of the libtorch in `folder`, as an archive of libtorch or PyTorch's package states it.
fn version(folder: &Path) -> Option<String> {
    if let Ok(version) = fs::read_to_string(folder.join("build-version")) {
        return Some(version.trim().to_owned());
    }
    let package = fs::read_to_string(folder.join("version.py")).ok()?;
    let line = package
        .lines()
        .find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(line.trim_matches(['\'', '"']).to_owned())
}

fn cuda() -> Result<String, String> {
    let gpu = |index| DeviceRequest::Only(Device::Cuda(index)).resolve();
    gpu(0).map_err(|error| error.to_string())?;
    let count = (0..).take_while(|&index| gpu(index).is_ok()).count();
    let gpus = counted(count, "GPU", "GPUs");
    Ok(format!("{gpus} that libtorch can use"))
}

fn ffmpeg(given: Option<&Path>) -> Result<String, String> {
    let ffmpeg = Ffmpeg::find(given).map_err(|error| error.to_string())?;
    let output = Command::new(&ffmpeg.ffmpeg).arg("-version").output();
    let output = output.map_err(|error| format!("{}: {error}", ffmpeg.ffmpeg.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().nth(2).unwrap_or("unknown version");
    let (ffmpeg, ffprobe) = (ffmpeg.ffmpeg.display(), ffmpeg.ffprobe.display());
    Ok(format!("{version}, {ffmpeg}; {ffprobe}"))
}

/// The weights that a command would use, and why.
fn found_weights(asked_for: Option<&Path>) -> Result<String, anyhow::Error> {
    let chosen = weights::find(asked_for).map_err(Failure::into_error)?;
    let weights = OpenWeights::open(chosen.source)?;
    let source = weights.source();
    let reason = match chosen.reason {
        "" => String::new(),
        reason => format!(" ({reason})"),
    };
    let (metadata, classes) = (weights.metadata(), weights.classes());
    let facts = metadata.facts().map(|fact| fact.to_string()).join(", ");
    let (name, classes) = (metadata.architecture, counted(classes, "class", "classes"));
    Ok(format!("{source}{reason}: {name}, {classes}, {facts}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_found_by_its_name_in_the_map_and_in_folders() {
        let folder = tempfile::tempdir().unwrap();
        let [empty, full] = ["empty", "full"].map(|name| folder.path().join(name));
        fs::create_dir(&empty).unwrap();
        fs::create_dir(&full).unwrap();
        let library = full.join(library_name());
        fs::write(&library, "").unwrap();
        assert_eq!(library_in(&[empty, full]), Some(library.clone()));
        let maps = format!(
            "7f00-7f01 r--p 0 fe:00 1 /usr/lib/{}.bak\n7f02-7f03 r-xp 0 fe:00 2 {}\n7f04-7f05 rw-p 0 00:00 0 [heap]\n",
            library_name(),
            library.display()
        );
        assert_eq!(mapped_library(&maps), Some(library));
        assert_eq!(mapped_library(""), None);
    }
}
