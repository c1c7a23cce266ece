//! `eco bench --self-check`: whether a device computes what the CPU computes.

use std::io::{self, Write};

use anyhow::anyhow;
use serde::Serialize;

use super::{Args, Format};
use crate::check::{self, Finding, Options, Outcome};
use crate::cli::exit::Failure;
use crate::engine::{self, Device, EngineKind};
use crate::recognise::use_threads;
use crate::text::{counted, terminal};

/// Width of the first column: the longest check has as many characters.
const WHAT: usize = 44;

/// What `--format json` prints.
#[derive(Serialize)]
struct Report<'a> {
    version: &'static str,
    device: String,
    /// The name of the GPU.
    product: Option<String>,
    threads: usize,
    checks: &'a [Finding],
    failed: usize,
}

/// Checks the device that `args` name and prints what is found.
///
/// # Errors
/// A device that cannot be used, and a check that fails.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if cfg!(not(feature = "libtorch")) {
        return Err(engine::Error::NoLibtorch("the self-check").into());
    }
    let device = args.engine.device.resolve()?;
    let threads = use_threads(args.engine.threads)?;
    let options = Options {
        device,
        threads,
        batch: args.engine.batch.unwrap_or(Options::BATCH),
    };
    let (mut findings, mut written) = (Vec::new(), Ok(()));
    let is_text = args.format == Format::Text;
    if is_text {
        begin(device, threads)?;
    }
    check::run(&options, &mut |finding| {
        if is_text && written.is_ok() {
            written = line(&finding);
        }
        findings.push(finding);
    })?;
    written?;
    let failed = findings.iter().filter(|finding| !finding.is_right).count();
    match args.format {
        Format::Text => end(&findings, failed)?,
        Format::Json => json(&Report {
            version: env!("CARGO_PKG_VERSION"),
            device: device.to_string(),
            product: device.product(),
            threads,
            checks: &findings,
            failed,
        })?,
        Format::Csv => csv(&findings)?,
    }
    match failed {
        0 => Ok(()),
        _ => Err(anyhow!(
            "{failed} of {} failed: {device} does not compute what the CPU computes",
            counted(findings.len(), "check", "checks")
        )
        .into()),
    }
}

/// What is compared with what, and the head of the table.
fn begin(device: Device, threads: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let product = device
        .product()
        .map_or(String::new(), |name| format!(" ({name})"));
    let what = format!(
        "{} on {device}{product} against {} on cpu, {}",
        EngineKind::Libtorch,
        EngineKind::Winograd,
        counted(threads, "thread", "threads")
    );
    let width = terminal::width(&out).unwrap_or(usize::MAX);
    writeln!(out, "{}", terminal::wrapped(&what, width))?;
    writeln!(
        out,
        "{:WHAT$} {:>10} {:>8} {:>8}",
        "relative difference", "found", "limit", "seconds"
    )
}

fn line(finding: &Finding) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let Finding { what, seconds, .. } = finding;
    let wrong = if finding.is_right { "" } else { "  WRONG" };
    match &finding.outcome {
        Outcome::Difference { found, limit } => writeln!(
            out,
            "{what:WHAT$} {found:>10.1e} {limit:>8.0e} {seconds:>8.2}{wrong}"
        ),
        Outcome::Message(message) => writeln!(out, "{what}: {message}{wrong}"),
    }
}

fn end(findings: &[Finding], failed: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let memory = findings.iter().filter_map(|finding| finding.used_memory_mb);
    if let Some(most) = memory.reduce(f64::max) {
        writeln!(out, "most memory of the GPU in use: {most:.0} MB")?;
    }
    match failed {
        0 => writeln!(out, "all {} checks hold", findings.len()),
        _ => Ok(()),
    }
}

fn json(report: &Report<'_>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, report)?;
    Ok(writeln!(out)?)
}

fn csv(findings: &[Finding]) -> anyhow::Result<()> {
    let mut out = csv::Writer::from_writer(io::stdout().lock());
    out.write_record([
        "what",
        "found",
        "limit",
        "message",
        "is_right",
        "seconds",
        "used_memory_mb",
    ])?;
    for finding in findings {
        let (found, limit, message) = match &finding.outcome {
            Outcome::Difference { found, limit } => {
                (found.to_string(), limit.to_string(), String::new())
            }
            Outcome::Message(message) => (String::new(), String::new(), message.clone()),
        };
        let memory = finding.used_memory_mb.map(|memory| memory.to_string());
        out.write_record([
            finding.what.clone(),
            found,
            limit,
            message,
            finding.is_right.to_string(),
            finding.seconds.to_string(),
            memory.unwrap_or_default(),
        ])?;
    }
    Ok(out.flush()?)
}
