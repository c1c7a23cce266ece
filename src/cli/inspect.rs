mod table;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::ValueEnum;

use self::table::table;
use super::exit::{Failure, UNREADABLE};
use crate::text::{counted, terminal};
use crate::weights::{Checkpoint, ErrorClass, InspectedTensor, Inspector, network_in};

/// List the tensors of any checkpoint, with what their values look like
///
/// Reads PyTorch checkpoints of every version, safetensors files, sharded indices and Caffe models, one tensor at a
/// time. The file need not be an ECO model. Nothing in it is executed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Mean, min and max are those of the finite values.
Exit codes: 0 success, 1 some tensors could not be read, 2 wrong usage, 4 the file cannot be read as a \
checkpoint")]
pub(super) struct Args {
    /// The file: .pth, .pth.tar, .pt, .bin, .safetensors, .index.json or .caffemodel
    file: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The same as --format json
    #[arg(long, hide = true, conflicts_with = "format")]
    json: bool,
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

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let checkpoint = Checkpoint::open(&args.file).map_err(|error| {
        let code = if error.class() == ErrorClass::Unreadable {
            UNREADABLE
        } else {
            1
        };
        Failure::with_code(code, error)
    })?;
    let mut out = BufWriter::new(io::stdout().lock());
    let format = if args.json { Format::Json } else { args.format };
    let unread = match format {
        Format::Table => table(&mut out, &checkpoint, terminal::width(io::stdout()))?,
        Format::Json => json(&mut out, &checkpoint)?,
        Format::Csv => csv(&mut out, &checkpoint)?,
    };
    out.flush()?;
    if unread > 0 {
        let tensors = counted(unread, "tensor", "tensors");
        return Err(anyhow::anyhow!("the values of {tensors} could not be read").into());
    }
    Ok(())
}

fn failed(row: &InspectedTensor) -> usize {
    usize::from(row.note.is_some())
}

fn json(out: &mut impl Write, checkpoint: &Checkpoint) -> Result<usize, Failure> {
    let rows: Vec<InspectedTensor> = Inspector::new(checkpoint).collect();
    let document = serde_json::json!({
        "file": checkpoint.path().to_string_lossy(),
        "container": checkpoint.container(),
        "bytes": checkpoint.len(),
        "network": network_in(checkpoint),
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
