//! The table of a checkpoint's tensors.

use std::collections::HashMap;
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::text::number::four_digits;
use crate::text::terminal::{behind, start_of};
use crate::text::{one_line, printable};
use crate::weights::{Checkpoint, InspectedTensor, Inspector, Metadata, TensorInfo, network_in};

/// How many keys of one kind are listed before the rest is only counted.
const MAX_LISTED: usize = 8;

/// Prints keys, metadata and a row per tensor as it is read, in a terminal of `width`; returns how many could not be read.
pub(super) fn table(
    out: &mut impl Write,
    checkpoint: &Checkpoint,
    width: Option<usize>,
) -> io::Result<usize> {
    heading(out, checkpoint, width)?;
    let columns = Columns::fit(checkpoint, width);
    columns.titles(out)?;
    let mut unread = 0;
    for row in Inspector::new(checkpoint) {
        unread += usize::from(row.note.is_some());
        columns.row(out, &row)?;
    }
    if let Some(left_out) = columns.left_out() {
        writeln!(out, "\nNot shown: {left_out}")?;
    }
    Ok(unread)
}

/// The key of the record that `eco train` writes.
const TRAINING: &str = "eco.training";

/// What stands above the rows.
fn heading(out: &mut impl Write, checkpoint: &Checkpoint, width: Option<usize>) -> io::Result<()> {
    let tensors = checkpoint.tensors();
    let container = checkpoint.container().describe();
    writeln!(out, "container  {container}, {} bytes", checkpoint.len())?;
    if let Some(network) = network_in(checkpoint) {
        writeln!(out, "network    {network}")?;
    }
    keys(out, checkpoint)?;
    let read = Metadata::from_map(checkpoint.metadata());
    let training = read.ok().flatten().and_then(|metadata| metadata.training);
    let training = training.map_or(Vec::new(), |training| training.lines());
    for (key, value) in checkpoint.metadata() {
        // In words below.
        if key == TRAINING && !training.is_empty() {
            continue;
        }
        let line = format!("metadata   {}: {}", printable(key), printable(value));
        writeln!(out, "{}", start_of(&line, width.unwrap_or(usize::MAX)))?;
    }
    for line in training {
        let width = width.unwrap_or(usize::MAX);
        writeln!(out, "{}", behind("training   ", &one_line(&line), width))?;
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

/// The keys at the top and what is under them. A flat state_dict has nothing but tensors there, which are the rows below.
fn keys(out: &mut impl Write, checkpoint: &Checkpoint) -> io::Result<()> {
    let top = checkpoint.structure().top().iter();
    let top: Vec<_> = top
        .filter(|top| !["tensor", "NumPy array"].contains(&top.what.as_str()))
        .collect();
    // What follows are numbers and values.
    let kind = |what: &str| what.split([',', ' ']).next().unwrap_or_default().to_owned();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for top in &top {
        *counts.entry(kind(&top.what)).or_default() += 1;
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    for top in top {
        let kind = kind(&top.what);
        let (seen, count) = (seen.entry(kind.clone()).or_default(), counts[&kind]);
        *seen += 1;
        if *seen <= MAX_LISTED || count == MAX_LISTED + 1 {
            writeln!(out, "key        {}: {}", printable(&top.key), top.what)?;
        } else if *seen == MAX_LISTED + 1 {
            writeln!(out, "keys       {} more: {kind}", count - MAX_LISTED)?;
        }
    }
    Ok(())
}

/// How wide the columns are, and where the names go.
struct Columns {
    names: usize,
    shapes: usize,
    /// Names have lines of their own, as the terminal is narrower than the table.
    stacked: bool,
    /// Columns that a terminal has no room for even so.
    bytes: bool,
    dtype: bool,
}

impl Columns {
    /// Width of the values, of bytes and of element types, with the spaces before each.
    const VALUES: usize = 36;
    const BYTES: usize = 13;
    const DTYPE: usize = 7;

    /// The columns for these tensors in a terminal of `width`.
    fn fit(checkpoint: &Checkpoint, width: Option<usize>) -> Self {
        let widest = |of: &dyn Fn(&TensorInfo) -> usize| checkpoint.tensors().iter().map(of).max();
        let names = widest(&|e| printable(&e.name).width()).unwrap_or(0).max(4);
        let shapes = widest(&|e| shape(&e.shape).len()).unwrap_or(0).max(5);
        let needed = 2 + shapes + Self::VALUES;
        let fits = |needed: usize| width.is_none_or(|width| needed <= width);
        Self {
            names,
            shapes,
            stacked: !fits(names + needed + Self::BYTES + Self::DTYPE),
            bytes: fits(needed + Self::BYTES + Self::DTYPE),
            dtype: fits(needed + Self::DTYPE),
        }
    }

    /// The columns that there is no room for.
    fn left_out(&self) -> Option<&'static str> {
        match (self.dtype, self.bytes) {
            (true, true) => None,
            (true, false) => Some("bytes"),
            (false, _) => Some("dtype, bytes"),
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
        if self.dtype {
            write!(out, "  {dtype:5}")?;
        }
        write!(out, "  {shape:width$}", width = self.shapes)?;
        if self.bytes {
            write!(out, "  {bytes:>11}")?;
        }
        writeln!(out, "  {values}")
    }
}

fn shape(extents: &[usize]) -> String {
    let extents: Vec<String> = extents.iter().map(ToString::to_string).collect();
    format!("[{}]", extents.join(","))
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), four_digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::{Dtype, RawTensor, Training, write};

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
    fn a_recipe_is_shown_whole() {
        let recipe = (0..20).map(|number| (format!("value_{number}"), number.into()));
        let training = Training {
            tuned: "last".into(),
            start: "demo".into(),
            start_sha256: None,
            clips: 4,
            clips_per_class: vec![2, 2],
            data_sha256: "cd".into(),
            recipe: recipe.collect(),
            judged: None,
        };
        let metadata = Metadata {
            training: Some(training),
            ..Metadata::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        write(&path, &[], &metadata.to_map()).unwrap();
        for width in [None, Some(60)] {
            let mut out = Vec::new();
            table(&mut out, &Checkpoint::open(&path).unwrap(), width).unwrap();
            let text = String::from_utf8(out).unwrap();
            let words: Vec<&str> = text.split_whitespace().collect();
            let words = words.join(" ");
            for number in 0..20 {
                assert!(
                    words.contains(&format!("value_{number} {number}")),
                    "{text}"
                );
            }
            let widest = text.lines().map(UnicodeWidthStr::width).max().unwrap();
            assert_eq!(widest > 60, width.is_none(), "{text}");
        }
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
    fn no_line_but_a_name_is_wider_than_the_terminal() {
        for width in [80, 60, 50] {
            let text = listing(Some(width));
            let wide = |line: &&str| line.width() > width && !line.starts_with("eco_2d.");
            assert_eq!(text.lines().find(wide), None, "{width}: {text}");
            let rows = text.lines().skip_while(|line| *line != "name");
            let rows: Vec<&str> = rows.collect();
            let left_out: &[&str] = match width {
                80 => &[],
                60 => &["", "Not shown: bytes"],
                _ => &["", "Not shown: dtype, bytes"],
            };
            assert_eq!(rows[4..], *left_out, "{width}: {text}");
        }
    }
}
