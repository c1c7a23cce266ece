use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::exit::{FAILED, Failure, MISMATCH, UNREADABLE, USAGE};
use super::flags::parse_segments;
use super::network::Arch;
use super::say::say;
use super::values::one_of;
use crate::file::{FileError, same_file};
use crate::recipe::{Preprocess, Sampling};
use crate::text::number::file_size;
use crate::text::{shell_word, terminal};
use crate::weights::locate::{ENVIRONMENT, LocateError, Places};
use crate::weights::{
    ErrorClass, Hint, Import, ImportOptions, LabelSource, LoadError, LoadOptions, MatchReport,
    Models, Precision, Rename, ReportDifferences, ReportHead, SelectError, Strictness, Verdict,
    WeightsError,
};

const EXIT_CODES: &str = "\
Exit codes: 0 success, 1 the result could not be written, 2 wrong usage, 3 the tensors do not match \
the model, 4 the file cannot be read as a checkpoint

Reads PyTorch checkpoints of every version, safetensors files and Caffe models. Nothing in a file is executed.";

/// Import a PyTorch checkpoint or a Caffe model as safetensors weights
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Args {
    /// The checkpoint: .pth, .pth.tar, .pt, .bin, .safetensors, .index.json or .caffemodel
    checkpoint: PathBuf,
    /// Where to write, a name in .safetensors [default: in the user's data directory]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The network that the weights are for [default: the one whose tensors they are]
    #[arg(long, value_enum, ignore_case = true)]
    arch: Option<Arch>,
    /// The dictionary that holds the weights, such as state_dict or model_ema
    #[arg(long)]
    key: Option<String>,
    /// Rename tensors before they are matched; may be repeated
    #[arg(long, value_name = "REGEX=REPLACEMENT", value_parser = parse_rename)]
    rename: Vec<Rename>,
    /// Class names: kinetics400, ucf101, hmdb51-sorted, hmdb51-tsn, something-v1-official, something-v1-sorted, or a file
    /// (lines, a table, JSON)
    /// [default: kinetics400 for 400 classes; of a Caffe model also those of 101 and 174 classes]
    #[arg(long, value_name = "NAME|FILE")]
    labels: Option<String>,
    /// How frames were prepared when the weights were trained [default: official; of a Caffe model its authors' way]
    #[arg(long, value_parser = one_of(Preprocess::ALL, Preprocess::name))]
    preprocess: Option<Preprocess>,
    /// How frames were sampled when the weights were trained [default: official; of a Caffe model caffe]
    #[arg(long, value_parser = one_of(Sampling::ALL, Sampling::name))]
    sampling: Option<Sampling>,
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
    /// How to print the report: for people on stderr, or as JSON on stdout
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The same as --format json
    #[arg(long, hide = true, conflicts_with = "format")]
    json: bool,
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

fn parse_rename(rule: &str) -> Result<Rename, String> {
    rule.parse()
        .map_err(|error: WeightsError| error.to_string())
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let json = args.json || args.format == Format::Json;
    let places = Places::current();
    let output = match &args.output {
        Some(output) => {
            check_output(&args.checkpoint, output).map_err(Failure::usage)?;
            output.clone()
        }
        None => default_output(&places, &args.checkpoint)?,
    };
    let models = Models::asked_for(args.arch.map(Into::into))?;
    let mut import = Import::prepare(&args.checkpoint, &models, &options(args))
        .map_err(|error| failure(error, json))?;
    if args.dry_run {
        return dry_run(&import.into_dry_run(), json);
    }
    if import.report().verdict == Verdict::Mismatch {
        show(import.report(), json)?;
        return Err(mismatch(import.report()));
    }
    if let (None, Some(directory)) = (&args.output, output.parent()) {
        std::fs::create_dir_all(directory).map_err(|source| FileError::Create {
            path: directory.to_path_buf(),
            source,
        })?;
    }
    import
        .write(&output)
        .map_err(|error| failure(error, json))?;
    show(import.report(), json)?;
    let size = std::fs::metadata(&output).map_or(0, |meta| meta.len());
    let size = file_size(size);
    let report = import.report();
    say(terminal::wrapped(&report.outcome(), columns()));
    say(format_args!("wrote {} ({size})", output.display()));
    say(next_step(&places, &output, report));
    Ok(())
}

fn options(args: &Args) -> ImportOptions {
    ImportOptions {
        load: LoadOptions {
            key: args.key.clone(),
            rename: args.rename.clone(),
            strictness: match args.partial {
                true => Strictness::Partial,
                false => Strictness::Strict,
            },
        },
        labels: args.labels.as_deref().map(LabelSource::parse),
        preprocess: args.preprocess,
        sampling: args.sampling,
        segments: args.segments,
        precision: match args.half {
            true => Precision::Half,
            false => Precision::Single,
        },
    }
}

/// Refuses outputs that would destroy the checkpoint or that have the name of another kind of file. What is no regular
/// file (a pipe, a device) may have any name.
fn check_output(checkpoint: &Path, output: &Path) -> anyhow::Result<()> {
    if same_file(checkpoint, output) {
        anyhow::bail!(
            "{} is the checkpoint itself; name another file for the imported weights",
            output.display()
        );
    }
    let special = std::fs::metadata(output).is_ok_and(|meta| !meta.is_file() && !meta.is_dir());
    if !special
        && output
            .extension()
            .is_none_or(|extension| extension != "safetensors")
    {
        Err(FileError::Extension {
            path: output.to_path_buf(),
            known: ".safetensors, which is what is written",
        })?;
    }
    Ok(())
}

/// Reports only.
fn dry_run(report: &MatchReport, json: bool) -> Result<(), Failure> {
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

fn mismatch(report: &MatchReport) -> Failure {
    let message = format!("{}; nothing was written", report.outcome());
    Failure::with_code(MISMATCH, anyhow::anyhow!(message))
}

/// Columns of the terminal that the report goes to; elsewhere lines are not broken.
fn columns() -> usize {
    terminal::width(io::stderr()).unwrap_or(usize::MAX)
}

/// Notes the weights as imported last if they can be used, and says what can be done with them.
fn next_step(places: &Places, output: &Path, report: &MatchReport) -> String {
    if report.verdict == Verdict::Partial {
        return "eco classify needs all tensors and does not take these weights: they are a start for training".to_string();
    }
    // A pipe or a device has swallowed them.
    if !output.is_file() {
        return "they are not kept in a file, so they are not used from now on".to_string();
    }
    let name = shell_word(output);
    if let Err(error) = places.remember(output) {
        return format!(
            "warning: they are not used from now on: {:#}\nname them: eco classify --weights {name} FRAMES_DIRECTORY",
            anyhow::Error::from(error)
        );
    }
    match &places.environment {
        None => {
            "these weights are used from now on\ntry: eco classify FRAMES_DIRECTORY".to_string()
        }
        Some(_) => format!(
            "{ENVIRONMENT} names other weights, which are used first\ntry: eco classify --weights {name} FRAMES_DIRECTORY"
        ),
    }
}

/// The default file. It must not be the checkpoint: that would be replaced.
fn default_output(places: &Places, checkpoint: &Path) -> Result<PathBuf, Failure> {
    let output = places
        .default_output(checkpoint)
        .map_err(|error| match error {
            LocateError::NoHome => anyhow::anyhow!("{error}; name a file with -o"),
            error => error.into(),
        })?;
    match same_file(checkpoint, &output) {
        true => Err(Failure::usage(anyhow::anyhow!(
            "{} was imported already; name another file with -o to import it again",
            output.display()
        ))),
        false => Ok(output),
    }
}

/// Prints the report: for people on stderr, as JSON on stdout.
fn show(report: &MatchReport, json: bool) -> Result<(), Failure> {
    let hints = report.hints.iter().map(|hint| worded(hint, report.verdict));
    let hints: Vec<String> = hints.collect();
    if json {
        let mut document = serde_json::to_value(report)?;
        document["hints"] = hints.into();
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
    } else {
        let width = columns();
        let mut text = ReportHead { report, width }.to_string();
        for hint in hints {
            text += &terminal::behind("hint: ", &hint, width);
            text.push('\n');
        }
        let differences = ReportDifferences(report).to_string();
        text += &differences;
        if differences.lines().any(|line| line.starts_with("  ... ")) {
            text += "(--format json has all of them)\n";
        }
        let _ = write!(io::stderr(), "{text}");
    }
    Ok(())
}

/// A hint with the flag that acts on it, unless it was given.
fn worded(hint: &Hint, verdict: Verdict) -> String {
    let partial = |what: &str| {
        let given = verdict != Verdict::Mismatch;
        (!given).then(|| format!("--partial {what}"))
    };
    let flag = match hint {
        Hint::Rename { rules, .. } => {
            let flags = rules
                .iter()
                .map(|rule| format!("--rename {}", shell_word(rule)));
            Some(format!("try {}", flags.collect::<Vec<_>>().join(" ")))
        }
        Hint::StartingPoint(_) => partial("imports what fits, to train from"),
        Hint::OtherNetwork { network, .. } => partial(&format!(
            "imports what fits, to train from; --arch {} takes the file for the other",
            Arch::from(*network).name()
        )),
        Hint::NoHead | Hint::Incomplete(_) => partial("keeps what is there"),
        Hint::OnlyExtra(_) => partial("imports the model and leaves the rest"),
        Hint::Notebook => Some("--preprocess book or --preprocess official".to_string()),
        Hint::SameName => Some(
            "choose a part of the file with --key, or tell them apart with --rename".to_string(),
        ),
        Hint::Labels { lists, .. } => {
            let flags = lists.iter().map(|list| format!("--labels {list}"));
            let flags: Vec<String> = flags.collect();
            Some(format!(
                "if it was trained on that, {} names them",
                flags.join(" or ")
            ))
        }
        _ => None,
    };
    match flag {
        Some(flag) => format!("{hint}\n      {flag}"),
        None => hint.to_string(),
    }
}

/// The flag that answers what an error asks for.
fn advice(error: &LoadError) -> Option<String> {
    match error {
        LoadError::Select(SelectError::Ambiguous { candidates, .. }) => {
            let keys: Vec<String> = candidates
                .iter()
                .map(|key| format!("--key {}", shell_word(key)))
                .collect();
            Some(format!("choose one: {}", keys.join(" or ")))
        }
        LoadError::Select(SelectError::KeyNotFound { keys, .. }) if keys.is_empty() => {
            Some("leave --key out".to_string())
        }
        _ => None,
    }
}

/// An error with the flag that answers what it asks for.
pub(super) fn with_advice(error: LoadError) -> anyhow::Error {
    match advice(&error) {
        Some(advice) => anyhow::anyhow!("{:#}\n{advice}", anyhow::Error::from(error)),
        None => error.into(),
    }
}

/// Gives an error its exit code, and prints it as JSON on stdout when that was asked for.
fn failure(error: LoadError, json: bool) -> Failure {
    let (code, verdict) = match error.class() {
        ErrorClass::Mismatch => (MISMATCH, "mismatch"),
        ErrorClass::Unreadable => (UNREADABLE, "unreadable"),
        ErrorClass::Usage => (USAGE, "usage"),
        ErrorClass::Failed => (FAILED, "failed"),
    };
    let error = with_advice(error);
    if json {
        let answer = serde_json::json!({ "verdict": verdict, "error": format!("{error:#}") });
        // Its reader may have gone; the exit code says the same.
        let _ = writeln!(io::stdout(), "{answer:#}");
    }
    Failure::with_code(code, error)
}
