//! `eco report`: a page from rows that were written earlier.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::exit::Failure;
use super::outputs;
use super::pictures::page_size;
use super::say::say;
use crate::show::read_rows;
use crate::show::report::{About, PageFrames, ReportPage};

/// Make a web page from rows that `eco classify` wrote
///
/// The page is that of `eco classify --report`, with search, classes and timelines of windows. Pictures of frames are not in
/// the rows: for those, let `eco classify` write the page.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// What `eco classify --format jsonl` or `--format json` wrote; `-` reads standard input
    #[arg(value_name = "ROWS")]
    rows: PathBuf,
    /// The page
    #[arg(short, long, value_name = "FILE.html")]
    output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  eco classify --list val.txt --format jsonl > val.jsonl
  eco report val.jsonl --output val.html";

/// Reads the rows and writes the page.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    outputs::check(&[("--output", Some(&args.output))], &[&args.rows])?;
    let from = args.rows.display().to_string();
    let shown = if args.rows == Path::new("-") {
        "standard input"
    } else {
        &from
    };
    let source: Box<dyn Read> = match shown == from {
        true => Box::new(File::open(&args.rows).with_context(|| format!("cannot read {from}"))?),
        false => Box::new(io::stdin()),
    };
    let about = About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        note: Some(format!("Made from the rows in {shown}.")),
        ..About::default()
    };
    let mut page = ReportPage::create(&args.output, about, PageFrames::None)?;
    let mut rows = 0;
    let ending = read_rows(BufReader::new(source), |row| {
        rows += 1;
        page.add(&row, &[]).map_err(anyhow::Error::from)
    })
    .with_context(|| format!("cannot use {shown}"))?;
    if rows == 0 {
        return Err(anyhow!("{shown} has no rows").into());
    }
    let bytes = page.finish(ending)?;
    let size = page_size(bytes);
    say(format_args!("eco: wrote {} {size}", args.output.display()));
    Ok(())
}
