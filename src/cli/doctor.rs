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
use crate::clip::Ffmpeg;
use crate::engine::{Device, DeviceRequest, EngineOptions};
use crate::recipe::Architecture;
use crate::recognise::OpenWeights;

/// Show what eco finds on this machine: CPU, libtorch, CUDA, ffmpeg, weights
///
/// The exit code is 0 even when something is missing, since it may not be needed.
#[derive(Debug, clap::Args)]
pub struct Args {
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
pub fn run(args: &Args) -> Result<(), Failure> {
    let findings = [
        Finding::new("eco", Ok::<_, String>(env!("CARGO_PKG_VERSION").into())),
        Finding::new("cpu", Ok::<_, String>(cpu())),
        Finding::new("engine", Ok::<_, String>(engine())),
        Finding::new("libtorch", libtorch()),
        Finding::new("cuda", cuda()),
        Finding::new("ffmpeg", ffmpeg(args.ffmpeg.as_deref())),
        Finding::new("weights", found_weights(args.weights.named())),
    ];
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &findings)?;
            writeln!(out)?;
        }
        Format::Text => {
            for Finding { name, found, what } in &findings {
                let none = if *found { "" } else { "none: " };
                writeln!(out, "{name:<9} {none}{what}")?;
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
    format!("{}, {cores} threads, {features}", std::env::consts::ARCH)
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
    format!("{} on {device}", options.kind(Architecture::default()))
}

/// The libtorch that this process has loaded, with its version where a file beside it states one.
fn libtorch() -> Result<String, String> {
    let maps = fs::read_to_string("/proc/self/maps")
        .map_err(|error| format!("not known, since /proc/self/maps cannot be read: {error}"))?;
    let libraries = maps
        .lines()
        .filter_map(|line| line.find('/').map(|at| &line[at..]));
    let library = libraries.map(Path::new).find(|path| {
        path.file_name()
            .is_some_and(|name| name == "libtorch_cpu.so")
    });
    let library = library.ok_or("this eco was built without it: networks run on the CPU engine")?;
    let version = library.ancestors().nth(2).and_then(version);
    let version = version.unwrap_or("unknown version".into());
    Ok(format!("{version}, {}", library.display()))
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
    Ok(format!("{count} GPUs that libtorch can use"))
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
    let name = metadata.architecture;
    Ok(format!(
        "{source}{reason}: {name}, {classes} classes, {facts}"
    ))
}
