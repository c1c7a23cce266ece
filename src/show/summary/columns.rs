//! The columns of the table of modules.

use super::Row;
use super::table::Column;
use crate::network::Setting;
use crate::text::number::thousands;

type ModuleColumn = Column<Row>;

/// The columns of every summary, from left to right.
pub(super) const COLUMNS: [ModuleColumn; 11] = [
    ModuleColumn::words("Name", "name", |row| row.name.clone()).or_short(leaf),
    ModuleColumn::words("Type", "type", |row| row.type_name.to_owned()).optional(8),
    ModuleColumn::words("Kernel", "kernel_size", |row| {
        extent(row.kernel_size.as_ref(), "x")
    })
    .optional(6),
    ModuleColumn::numbers(
        "Stride",
        "stride",
        |row| step(row.stride.as_ref()),
        |row| extent(row.stride.as_ref(), "x"),
    )
    .optional(4),
    ModuleColumn::numbers(
        "Pad",
        "padding",
        |row| step(row.padding.as_ref()),
        |row| extent(row.padding.as_ref(), "x"),
    )
    .optional(2),
    ModuleColumn::shapes(
        "Input",
        "input",
        |row| shape(row.input.as_deref(), "never runs") + &more(&row.other_inputs),
        |row| shape(row.input.as_deref(), ""),
    )
    .optional(3),
    ModuleColumn::shapes(
        "Output",
        "output",
        |row| shape(row.output.as_deref(), "") + &more(&row.other_outputs) + &repeated(row.runs),
        |row| shape(row.output.as_deref(), ""),
    ),
    ModuleColumn::numbers(
        "Params",
        "parameters",
        |row| count(row.parameters),
        |row| row.parameters.to_string(),
    )
    .optional(11),
    ModuleColumn::numbers(
        "Share",
        "parameter_share",
        |row| percent(row.parameter_share),
        |row| row.parameter_share.to_string(),
    )
    .optional(1),
    ModuleColumn::numbers(
        "Mult-adds",
        "macs",
        |row| count(row.macs),
        |row| row.macs.to_string(),
    )
    .optional(9),
    ModuleColumn::numbers(
        "Memory",
        "output_bytes",
        |row| memory(row.output_bytes),
        |row| row.output_bytes.to_string(),
    )
    .optional(5),
];

/// Columns that let programs tell blocks from layers. A block's numbers include those of its layers, so sums are over the lines
/// whose `is_layer` is true.
pub(super) const PLACE: [ModuleColumn; 2] = [
    ModuleColumn::numbers(
        "Depth",
        "depth",
        |row| row.depth.to_string(),
        |row| row.depth.to_string(),
    ),
    ModuleColumn::words("Layer", "is_layer", |row| row.is_layer.to_string()),
];

/// The columns that weights add.
pub(super) const WEIGHTS: [ModuleColumn; 4] = [
    ModuleColumn::words("Dtype", "weight_dtype", |row| {
        row.weight
            .as_ref()
            .map_or(String::new(), |weight| weight.dtype.clone())
    })
    .optional(7),
    ModuleColumn::measured("Mean", "weight_mean", |row| row.weight.as_ref()?.mean).optional(13),
    ModuleColumn::measured("Std", "weight_std", |row| row.weight.as_ref()?.std).optional(12),
    ModuleColumn::numbers(
        "Non-finite",
        "non_finite",
        |row| row.non_finite.map_or(String::new(), thousands),
        |row| {
            row.non_finite
                .map_or(String::new(), |count| count.to_string())
        },
    )
    .optional(10),
];

/// The last part of the name, indented below its parent.
fn leaf(row: &Row) -> String {
    let name = row.name.rsplit('.').next().unwrap_or_default();
    format!(
        "{:indent$}{name}",
        "",
        indent = 2 * row.depth.saturating_sub(1)
    )
}

/// `[16, 64, 112, 112]`.
pub(super) fn shape(shape: Option<&[usize]>, none: &str) -> String {
    shape.map_or(none.to_owned(), |shape| format!("{shape:?}"))
}

/// `3x3x3`; a plain number where the window is the same along every axis and PyTorch keeps one number.
fn extent(setting: Option<&Setting>, between: &str) -> String {
    match setting {
        Some(Setting::Tuple(values)) => {
            let values: Vec<String> = values.iter().map(i64::to_string).collect();
            values.join(between)
        }
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// One number where every axis has the same.
fn step(setting: Option<&Setting>) -> String {
    match setting {
        Some(Setting::Tuple(values)) if values.windows(2).all(|pair| pair[0] == pair[1]) => {
            values.first().map_or(String::new(), i64::to_string)
        }
        other => extent(other, "x"),
    }
}

/// How many values there are beside the first.
fn more(others: &[Vec<usize>]) -> String {
    match others.len() {
        0 => String::new(),
        others => format!(" +{others}"),
    }
}

fn repeated(runs: usize) -> String {
    if runs > 1 {
        format!(" x{runs}")
    } else {
        String::new()
    }
}

/// Empty for zero, so that the other numbers stand out.
fn count(value: usize) -> String {
    if value == 0 {
        String::new()
    } else {
        thousands(value)
    }
}

fn percent(share: f64) -> String {
    if share == 0.0 {
        String::new()
    } else {
        format!("{:.2}%", share * 100.0)
    }
}

fn memory(bytes: usize) -> String {
    match bytes {
        0 => String::new(),
        1_000_000.. => format!("{:.1} MB", bytes as f64 / 1e6),
        10_000.. => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{bytes} B"),
    }
}
