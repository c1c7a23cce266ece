use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::ValueEnum;

use super::Failure;
use super::load_weights::UNREADABLE;
use crate::weights::{Checkpoint, ErrorKind, Inspector, Row, printable};

/// List the tensors of any checkpoint, with what their values look like
///
/// Reads PyTorch checkpoints of every version, safetensors files and sharded indices, one tensor at a
/// time. The file need not be an ECO model. Nothing in it is executed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Mean, min and max are those of the finite values.
Exit codes: 0 success, 1 some tensors could not be read, 2 wrong usage, 4 the file cannot be read as a \
checkpoint")]
pub struct Args {
    /// The file: .pth, .pth.tar, .pt, .bin, .safetensors or .index.json
    file: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How a listing is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns, with keys and metadata above them
    #[default]
    Table,
    /// One object with keys, metadata and tensors
    Json,
    /// One row per tensor
    Csv,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let checkpoint = Checkpoint::open(&args.file).map_err(|error| {
        let code = if error.kind() == ErrorKind::Unreadable {
            UNREADABLE
        } else {
            1
        };
        Failure::with_code(code, error)
    })?;
    let mut out = BufWriter::new(io::stdout().lock());
    let unread = match args.format {
        Format::Table => table(&mut out, &checkpoint)?,
        Format::Json => json(&mut out, &checkpoint)?,
        Format::Csv => csv(&mut out, &checkpoint)?,
    };
    out.flush()?;
    if unread > 0 {
        return Err(anyhow::anyhow!("the values of {unread} tensors could not be read").into());
    }
    Ok(())
}

fn failed(row: &Row) -> usize {
    usize::from(row.note.is_some())
}

/// Prints keys, metadata and a row per tensor as it is read; returns how many could not be.
fn table(out: &mut impl Write, checkpoint: &Checkpoint) -> io::Result<usize> {
    let entries = checkpoint.entries();
    let container = checkpoint.container().describe();
    writeln!(out, "container  {container}, {} bytes", checkpoint.len())?;
    for top in checkpoint.structure().top() {
        writeln!(out, "key        {}: {}", printable(&top.key), top.what)?;
    }
    for (key, value) in checkpoint.metadata() {
        writeln!(out, "metadata   {}: {}", printable(key), printable(value))?;
    }
    for name in checkpoint.structure().suspicious() {
        writeln!(
            out,
            "warning    names {}, which runs when Python loads it",
            printable(&name)
        )?;
    }
    let parameters: usize = entries
        .iter()
        .map(|e| e.numel())
        .fold(0, usize::saturating_add);
    writeln!(out, "tensors    {}, {parameters} values\n", entries.len())?;
    let width = |of: &dyn Fn(usize) -> usize| (0..entries.len()).map(of).max().unwrap_or(0);
    let names = width(&|i| printable(&entries[i].name).chars().count()).max(4);
    let shapes = width(&|i| shape(&entries[i].shape).len()).max(5);
    writeln!(
        out,
        "{:names$}  {:5}  {:shapes$}  {:>11}  {:>10}  {:>10}  {:>10}",
        "name", "dtype", "shape", "bytes", "mean", "min", "max"
    )?;
    let mut unread = 0;
    for row in Inspector::new(checkpoint) {
        unread += failed(&row);
        let values = match (&row.stats, &row.note) {
            (Some(s), _) => {
                let bad = match s.non_finite {
                    0 => String::new(),
                    count => format!("  {count} not finite"),
                };
                format!(
                    "{:>10}  {:>10}  {:>10}{bad}",
                    short(s.mean),
                    short(s.min),
                    short(s.max)
                )
            }
            (None, note) => note.clone().unwrap_or_default(),
        };
        let name = printable(&row.name);
        let (dtype, shape) = (row.dtype.to_string(), shape(&row.shape));
        writeln!(
            out,
            "{name:names$}  {dtype:5}  {shape:shapes$}  {:>11}  {values}",
            row.bytes
        )?;
    }
    Ok(unread)
}

fn shape(extents: &[usize]) -> String {
    let extents: Vec<String> = extents.iter().map(ToString::to_string).collect();
    format!("[{}]", extents.join(","))
}

/// Four significant digits in at most ten characters.
fn short(value: Option<f64>) -> String {
    match value {
        None => "-".to_string(),
        Some(v) if v == v.trunc() && v.abs() < 1e6 => format!("{v}"),
        Some(v) if (1e-3..1e5).contains(&v.abs()) => {
            let digits = 3 - v.abs().log10().floor() as i32;
            format!("{v:.*}", digits.clamp(0, 6) as usize)
        }
        Some(v) => format!("{v:.3e}"),
    }
}

fn json(out: &mut impl Write, checkpoint: &Checkpoint) -> Result<usize, Failure> {
    let rows: Vec<Row> = Inspector::new(checkpoint).collect();
    let document = serde_json::json!({
        "file": checkpoint.path(),
        "container": checkpoint.container(),
        "bytes": checkpoint.len(),
        "keys": checkpoint.structure().top(),
        "metadata": checkpoint.metadata(),
        "suspicious": checkpoint.structure().suspicious(),
        "tensors": rows,
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)?;
    Ok(rows.iter().map(failed).sum())
}

fn csv(out: &mut impl Write, checkpoint: &Checkpoint) -> Result<usize, Failure> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record([
        "name",
        "dtype",
        "shape",
        "bytes",
        "mean",
        "min",
        "max",
        "non_finite",
        "note",
    ])?;
    let mut unread = 0;
    for row in Inspector::new(checkpoint) {
        unread += failed(&row);
        let number = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
        let extents: Vec<String> = row.shape.iter().map(ToString::to_string).collect();
        writer.write_record([
            row.name.clone(),
            row.dtype.to_string(),
            extents.join("x"),
            row.bytes.to_string(),
            number(row.stats.and_then(|s| s.mean)),
            number(row.stats.and_then(|s| s.min)),
            number(row.stats.and_then(|s| s.max)),
            row.stats
                .map_or(String::new(), |s| s.non_finite.to_string()),
            row.note.unwrap_or_default(),
        ])?;
    }
    writer.flush()?;
    Ok(unread)
}
