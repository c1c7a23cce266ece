use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use unicode_width::UnicodeWidthStr;

use super::exit::{Failure, MISMATCH, UNREADABLE};
use super::load_weights;
use crate::text::number::four_digits;
use crate::text::printable;
use crate::weights::diff::{Change, Diff, Side, diff};
use crate::weights::{ErrorClass, Models, Named};

/// Compare the tensors of two files of weights
///
/// Reads every form of checkpoint. Tensors are compared under the model's names, whatever prefixes they have in the files,
/// and as numbers, whatever their element types. Step counters of batch norm are left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
max abs is the largest difference of two values, relative L2 the length of the difference relative to the first file's \
tensor (- where that is 0). Places where only one of the values is a finite number are counted.
Exit codes: 0 the tensors are equal, 1 they differ, 2 wrong usage, 3 a file does not say which of its dictionaries to \
compare, 4 a file cannot be read as a checkpoint")]
pub(super) struct Args {
    /// The first file
    a: PathBuf,
    /// The second file
    b: PathBuf,
    /// The dictionary that holds the weights, in both files, or given twice for the first and for the second
    #[arg(long)]
    key: Vec<String>,
    /// How to print what differs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The same as --format json
    #[arg(long, hide = true, conflicts_with = "format")]
    json: bool,
}

/// How differences are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let [key_a, key_b] = match args.key.as_slice() {
        [] => [None, None],
        [both] => [Some(both.as_str()); 2],
        [a, b] => [Some(a.as_str()), Some(b.as_str())],
        _ => {
            return Err(Failure::usage(anyhow::anyhow!(
                "--key is given at most twice"
            )));
        }
    };
    let (a, b) = (&args.a, &args.b);
    let sides = [
        Side {
            path: a,
            key: key_a,
        },
        Side {
            path: b,
            key: key_b,
        },
    ];
    let found = diff(sides[0], sides[1], &Models::every()?).map_err(|error| {
        let code = match error.class() {
            ErrorClass::Unreadable => UNREADABLE,
            ErrorClass::Mismatch => MISMATCH,
            _ => 1,
        };
        Failure::with_code(code, load_weights::with_advice(error))
    })?;
    let mut out = io::stdout().lock();
    if args.json || args.format == Format::Json {
        serde_json::to_writer_pretty(&mut out, &found)?;
        writeln!(out)?;
    } else {
        let names = [a, b].map(|path| printable(&path.to_string_lossy()));
        out.write_all(text(&found, &names).as_bytes())?;
    }
    out.flush()?;
    Ok(u8::from(!found.is_empty()))
}

/// A row per tensor that differs, then a line that counts.
fn text(found: &Diff, names: &[String; 2]) -> String {
    let mut out = String::new();
    if !found.changed.is_empty() {
        let width = found
            .changed
            .iter()
            .map(|changed| printable(&changed.name).width());
        let width = width.max().unwrap_or(0).max(4);
        out.push_str(&format!(
            "{:width$}  {:>10}  {:>11}\n",
            "name", "max abs", "relative L2"
        ));
        for changed in &found.changed {
            let name = printable(&changed.name);
            let padding = width - name.width();
            let what = match &changed.change {
                Change::Values {
                    max_abs,
                    relative_l2,
                    non_finite,
                } => {
                    let relative = relative_l2.map_or("-".to_owned(), four_digits);
                    let non_finite = match non_finite {
                        0 => String::new(),
                        count => format!("  {count} not finite"),
                    };
                    format!("{:>10}  {relative:>11}{non_finite}", four_digits(*max_abs))
                }
                Change::Shape { a, b } => format!("shape {a:?} and {b:?}"),
                Change::Bytes => "bytes differ".to_string(),
            };
            out.push_str(&format!("{name}{:padding$}  {what}\n", ""));
        }
    }
    only(&mut out, &found.only_a, &names[0]);
    only(&mut out, &found.only_b, &names[1]);
    let (changed, both) = (found.changed.len(), found.equal + found.changed.len());
    out.push_str(&match changed {
        0 => format!("{both} tensors are equal"),
        _ => format!("{changed} of {both} tensors differ"),
    });
    match found.only_a.len() + found.only_b.len() {
        0 => out.push('\n'),
        only => out.push_str(&format!(", {only} are in one file only\n")),
    }
    out
}

fn only(out: &mut String, tensors: &[Named], name: &str) {
    if !tensors.is_empty() {
        out.push_str(&format!("only in {name}:\n"));
    }
    for tensor in tensors {
        out.push_str(&format!(
            "  {} {:?}\n",
            printable(&tensor.name),
            tensor.shape
        ));
    }
}
