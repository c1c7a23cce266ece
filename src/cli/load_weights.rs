use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::values::one_of;
use super::{Failure, say};
use crate::engine::network;
use crate::recipe::Preprocess;
use crate::weights::locate::Places;
use crate::weights::{
    ErrorKind, Import, ImportOptions, LabelSource, LoadOptions, Precision, Rename, Report,
    ReportText, Strictness, Verdict, WeightsError,
};

/// Exit code for weights that do not fit the model.
pub const MISMATCH: u8 = 3;
/// Exit code for a file that cannot be read as a checkpoint.
pub const UNREADABLE: u8 = 4;
const USAGE: u8 = 2;
const FAILED: u8 = 1;

const EXIT_CODES: &str = "\
Exit codes: 0 success, 1 the result could not be written, 2 wrong usage, 3 the tensors do not match \
the model, 4 the file cannot be read as a checkpoint

Reads PyTorch checkpoints of every version and safetensors files. Nothing in a file is executed.";

/// Import a PyTorch checkpoint as safetensors weights
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub struct Args {
    /// The checkpoint: .pth, .pth.tar, .pt, .bin, .safetensors or .index.json
    checkpoint: PathBuf,
    /// Where to write [default: weights/NAME.safetensors if ./weights exists, else the user's data
    /// directory]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The dictionary that holds the weights, such as state_dict or model_ema
    #[arg(long)]
    key: Option<String>,
    /// Rename tensors before they are matched; may be repeated
    #[arg(long, value_name = "REGEX=REPLACEMENT", value_parser = parse_rename)]
    rename: Vec<Rename>,
    /// Class names: kinetics400, ucf101, hmdb51, or a file (lines, CSV of indices and labels, JSON list or map)
    /// [default: kinetics400 for 400 classes]
    #[arg(long, value_name = "NAME|FILE")]
    labels: Option<String>,
    /// How frames were prepared when the weights were trained [default: official]
    #[arg(long, value_parser = one_of(Preprocess::ALL, Preprocess::name))]
    preprocess: Option<Preprocess>,
    /// Frames per clip the weights were trained with, a multiple of 4 [default: 16]
    #[arg(long, value_name = "N", value_parser = parse_segments)]
    segments: Option<usize>,
    /// Store 16 bits per value: half the size
    #[arg(long)]
    half: bool,
    /// Keep what fits when tensors are missing, left over or of other shapes
    #[arg(long)]
    partial: bool,
    /// Report only, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON on stdout
    #[arg(long)]
    json: bool,
}

fn parse_rename(rule: &str) -> Result<Rename, String> {
    rule.parse()
        .map_err(|error: WeightsError| error.to_string())
}

/// A number of segments: the network halves it twice.
pub(super) fn parse_segments(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(segments) if segments > 0 && segments % 4 == 0 => Ok(segments),
        _ => Err("expected a positive multiple of 4".to_string()),
    }
}

/// Classes of the head that is compared: any number does, the file's is used.
const KINETICS_CLASSES: usize = 400;

pub fn run(args: &Args) -> Result<(), Failure> {
    let options = ImportOptions {
        load: LoadOptions {
            key: args.key.clone(),
            rename: args.rename.clone(),
            strictness: if args.partial {
                Strictness::Partial
            } else {
                Strictness::Strict
            },
        },
        labels: args.labels.as_deref().map(LabelSource::parse),
        preprocess: args.preprocess,
        segments: args.segments,
        precision: if args.half {
            Precision::Half
        } else {
            Precision::Single
        },
    };
    let mut import = Import::prepare(
        &args.checkpoint,
        &network::spec(KINETICS_CLASSES)?,
        &options,
    )
    .map_err(|error| failure(error, args.json))?;
    if args.dry_run {
        return dry_run(&import.into_dry_run(), args.json);
    }
    if import.report().verdict == Verdict::Mismatch {
        show(import.report(), args.json)?;
        return Err(mismatch(import.report()));
    }
    let places = Places::current();
    let output = match &args.output {
        Some(output) => output.clone(),
        None => default_output(&places, &args.checkpoint)?,
    };
    import
        .write(&output)
        .map_err(|error| failure(error, args.json))?;
    let next = next_step(&places, &output, import.report());
    show(import.report(), args.json)?;
    let next = next?;
    let size = std::fs::metadata(&output).map_or(0, |meta| meta.len());
    say(format_args!(
        "{}\nwrote {} ({:.0} MB)\n{next}",
        import.report().outcome(),
        output.display(),
        size as f64 / 1e6
    ));
    Ok(())
}

/// Reports only.
fn dry_run(report: &Report, json: bool) -> Result<(), Failure> {
    show(report, json)?;
    if report.verdict == Verdict::Mismatch {
        return Err(mismatch(report));
    }
    say(format_args!(
        "{}; dry run, nothing was written",
        report.outcome()
    ));
    Ok(())
}

fn mismatch(report: &Report) -> Failure {
    let message = format!("{}; nothing was written", report.outcome());
    Failure::with_code(MISMATCH, anyhow::anyhow!(message))
}

/// Notes the weights as imported last if they can be used, and says what can be done with them.
fn next_step(places: &Places, output: &Path, report: &Report) -> Result<&'static str, Failure> {
    if report.verdict == Verdict::Partial {
        return Ok("eco classify needs all tensors and does not take these weights");
    }
    // A pipe or a device has swallowed them.
    if !output.is_file() {
        return Ok("they are not kept in a file, so they are not used from now on");
    }
    places.remember(output)?;
    Ok("these weights are used from now on; try: eco classify FRAMES_DIRECTORY")
}

/// The default file, its directory made if need be.
fn default_output(places: &Places, checkpoint: &Path) -> Result<PathBuf, Failure> {
    let output = places.default_output(checkpoint);
    if let Some(directory) = output.parent() {
        std::fs::create_dir_all(directory).map_err(|source| WeightsError::Write {
            path: directory.to_path_buf(),
            source,
        })?;
    }
    Ok(output)
}

/// Prints the report: for people on stderr, as JSON on stdout.
fn show(report: &Report, json: bool) -> Result<(), Failure> {
    if json {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
    } else {
        let _ = write!(io::stderr(), "{}", ReportText(report));
    }
    Ok(())
}

/// Gives an error its exit code, and prints it as JSON on stdout when that was asked for.
fn failure(error: WeightsError, json: bool) -> Failure {
    let code = match error.kind() {
        ErrorKind::Mismatch => MISMATCH,
        ErrorKind::Unreadable => UNREADABLE,
        ErrorKind::Usage => USAGE,
        ErrorKind::Failed => FAILED,
    };
    let verdict = match error.kind() {
        ErrorKind::Mismatch => "mismatch",
        ErrorKind::Unreadable => "unreadable",
        ErrorKind::Usage => "usage",
        ErrorKind::Failed => "failed",
    };
    let error = anyhow::Error::from(error);
    if json {
        let answer = serde_json::json!({ "verdict": verdict, "error": format!("{error:#}") });
        // Its reader may have gone; the exit code says the same.
        let _ = writeln!(io::stdout(), "{answer:#}");
    }
    Failure::with_code(code, error)
}
