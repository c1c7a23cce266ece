use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use unicode_width::UnicodeWidthStr;

use super::exit::{Failure, UNREADABLE};
use crate::text::number::four_digits;
use crate::text::printable;
use crate::text::terminal;
use crate::weights::{Checkpoint, ErrorClass, InspectedTensor, Inspector, TensorInfo, network_in};

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

pub fn run(args: &Args) -> Result<(), Failure> {
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
        return Err(anyhow::anyhow!("the values of {unread} tensors could not be read").into());
    }
    Ok(())
}

fn failed(row: &InspectedTensor) -> usize {
    usize::from(row.note.is_some())
}

/// Prints keys, metadata and a row per tensor as it is read; returns how many could not be.
fn table(out: &mut impl Write, checkpoint: &Checkpoint, width: Option<usize>) -> io::Result<usize> {
    heading(out, checkpoint)?;
    let columns = Columns::fit(checkpoint, width);
    columns.titles(out)?;
    let mut unread = 0;
    for row in Inspector::new(checkpoint) {
        unread += failed(&row);
        columns.row(out, &row)?;
    }
    Ok(unread)
}

/// What stands above the rows.
fn heading(out: &mut impl Write, checkpoint: &Checkpoint) -> io::Result<()> {
    let tensors = checkpoint.tensors();
    let container = checkpoint.container().describe();
    writeln!(out, "container  {container}, {} bytes", checkpoint.len())?;
    if let Some(network) = network_in(checkpoint) {
        writeln!(out, "network    {network}")?;
    }
    // A flat state_dict has nothing but tensors at the top, which are the rows below.
    let top = checkpoint.structure().top().iter();
    for top in top.filter(|top| !["tensor", "NumPy array"].contains(&top.what.as_str())) {
        writeln!(out, "key        {}: {}", printable(&top.key), top.what)?;
    }
    for (key, value) in checkpoint.metadata() {
        writeln!(out, "metadata   {}: {}", printable(key), printable(value))?;
    }
    for name in checkpoint.structure().suspicious() {
        writeln!(
            out,
            "warning    names {}, which runs when Python loads it",
            printable(name)
        )?;
    }
    let parameters: usize = tensors
        .iter()
        .map(|e| e.numel())
        .fold(0, usize::saturating_add);
    writeln!(out, "tensors    {}, {parameters} values\n", tensors.len())
}

/// How wide the columns are, and where the names go.
struct Columns {
    names: usize,
    shapes: usize,
    /// Names have lines of their own, as the terminal is narrower than the table.
    stacked: bool,
}

impl Columns {
    /// Width of the columns other than name and shape, with the spaces between all of them.
    const REST: usize = 58;

    /// The columns for these tensors in a terminal of `width`.
    fn fit(checkpoint: &Checkpoint, width: Option<usize>) -> Self {
        let widest = |of: &dyn Fn(&TensorInfo) -> usize| checkpoint.tensors().iter().map(of).max();
        let names = widest(&|e| printable(&e.name).width()).unwrap_or(0).max(4);
        let shapes = widest(&|e| shape(&e.shape).len()).unwrap_or(0).max(5);
        Self {
            names,
            shapes,
            stacked: width.is_some_and(|width| names + shapes + Self::REST > width),
        }
    }

    fn titles(&self, out: &mut impl Write) -> io::Result<()> {
        let values = format!("{:>10}  {:>10}  {:>10}", "mean", "min", "max");
        self.line(out, ["name", "dtype", "shape", "bytes", &values])
    }

    fn row(&self, out: &mut impl Write, row: &InspectedTensor) -> io::Result<()> {
        let values = match (&row.stats, &row.note) {
            (Some(s), _) => {
                let bad = match s.non_finite {
                    0 => String::new(),
                    count => format!("  {count} not finite"),
                };
                let [mean, min, max] = [s.mean, s.min, s.max].map(number);
                format!("{mean:>10}  {min:>10}  {max:>10}{bad}")
            }
            (None, note) => printable(note.as_deref().unwrap_or_default()),
        };
        let [dtype, bytes] = [row.dtype.to_string(), row.bytes.to_string()];
        let [name, shape] = [printable(&row.name), shape(&row.shape)];
        self.line(out, [&name, &dtype, &shape, &bytes, &values])
    }

    fn line(&self, out: &mut impl Write, cells: [&str; 5]) -> io::Result<()> {
        let [name, dtype, shape, bytes, values] = cells;
        let padding = self.names.saturating_sub(name.width());
        match self.stacked {
            true => writeln!(out, "{name}")?,
            false => write!(out, "{name}{:padding$}", "")?,
        }
        let shapes = self.shapes;
        writeln!(out, "  {dtype:5}  {shape:shapes$}  {bytes:>11}  {values}")
    }
}

fn shape(extents: &[usize]) -> String {
    let extents: Vec<String> = extents.iter().map(ToString::to_string).collect();
    format!("[{}]", extents.join(","))
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), four_digits)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::{Dtype, RawTensor, write};

    /// The table of a file with a long name in it.
    fn listing(width: Option<usize>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let name = "eco_2d.inception_a.inception_3a_double_3x3_reduce_bn.running_mean";
        let tensor = RawTensor {
            dtype: Dtype::F32,
            shape: vec![1, 1, 1, 1, 2],
            data: [1f32, 2.0]
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect::<Vec<u8>>()
                .into(),
        };
        write(&path, &[(name.to_string(), tensor)], &Default::default()).unwrap();
        let mut out = Vec::new();
        table(&mut out, &Checkpoint::open(&path).unwrap(), width).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_has_one_line_where_there_is_room() {
        for width in [None, Some(200)] {
            let text = listing(width);
            let row = text.lines().last().unwrap();
            assert!(
                row.starts_with("eco_2d.") && row.contains("1.500"),
                "{text}"
            );
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let text = listing(Some(80));
        let rows = text.lines().skip_while(|line| *line != "name");
        assert!(rows.clone().all(|line| line.width() <= 80), "{text}");
        assert_eq!(rows.count(), 4, "{text}");
    }
}
