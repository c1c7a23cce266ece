//! The columns of the table of modules.

use super::statistics::number;
use super::table::{Align, Column};
use super::{Row, WeightStatistics};
use crate::graph::number::thousands;
use crate::model::Setting;

/// The columns of every summary, from left to right.
pub const COLUMNS: [Column<Row>; 11] = [
    Column {
        title: "Name",
        key: "name",
        align: Align::Left,
        text: |row| row.name.clone(),
        plain: |row| row.name.clone(),
    },
    Column {
        title: "Type",
        key: "type",
        align: Align::Left,
        text: |row| row.type_name.to_owned(),
        plain: |row| row.type_name.to_owned(),
    },
    Column {
        title: "Kernel",
        key: "kernel_size",
        align: Align::Left,
        text: |row| extent(row.kernel_size.as_ref(), "x"),
        plain: |row| extent(row.kernel_size.as_ref(), "x"),
    },
    Column {
        title: "Stride",
        key: "stride",
        align: Align::Right,
        text: |row| step(row.stride.as_ref()),
        plain: |row| extent(row.stride.as_ref(), "x"),
    },
    Column {
        title: "Pad",
        key: "padding",
        align: Align::Right,
        text: |row| step(row.padding.as_ref()),
        plain: |row| extent(row.padding.as_ref(), "x"),
    },
    Column {
        title: "Input",
        key: "input",
        align: Align::Left,
        text: |row| shape(row.input.as_deref(), "never runs"),
        plain: |row| shape(row.input.as_deref(), ""),
    },
    Column {
        title: "Output",
        key: "output",
        align: Align::Left,
        text: |row| shape(row.output.as_deref(), "") + &repeated(row.runs),
        plain: |row| shape(row.output.as_deref(), ""),
    },
    Column {
        title: "Params",
        key: "parameters",
        align: Align::Right,
        text: |row| count(row.parameters),
        plain: |row| row.parameters.to_string(),
    },
    Column {
        title: "Share",
        key: "parameter_share",
        align: Align::Right,
        text: |row| percent(row.parameter_share),
        plain: |row| row.parameter_share.to_string(),
    },
    Column {
        title: "Mult-adds",
        key: "macs",
        align: Align::Right,
        text: |row| count(row.macs),
        plain: |row| row.macs.to_string(),
    },
    Column {
        title: "Memory",
        key: "output_bytes",
        align: Align::Right,
        text: |row| memory(row.output_bytes),
        plain: |row| row.output_bytes.to_string(),
    },
];

/// What programs need to tell blocks from layers. A block's numbers contain those of its layers: to add up, take the lines
/// whose `is_layer` is true.
pub const PLACE: [Column<Row>; 2] = [
    Column {
        title: "Depth",
        key: "depth",
        align: Align::Right,
        text: |row| row.depth.to_string(),
        plain: |row| row.depth.to_string(),
    },
    Column {
        title: "Layer",
        key: "is_layer",
        align: Align::Left,
        text: |row| row.is_layer.to_string(),
        plain: |row| row.is_layer.to_string(),
    },
];

/// The columns that weights add.
pub const WEIGHTS: [Column<Row>; 4] = [
    Column {
        title: "Dtype",
        key: "weight_dtype",
        align: Align::Left,
        text: |row| weight(row, |weight| weight.dtype.clone()),
        plain: |row| weight(row, |weight| weight.dtype.clone()),
    },
    Column {
        title: "Mean",
        key: "weight_mean",
        align: Align::Right,
        text: |row| weight(row, |weight| number(weight.mean)),
        plain: |row| weight(row, |weight| plain(weight.mean)),
    },
    Column {
        title: "Std",
        key: "weight_std",
        align: Align::Right,
        text: |row| weight(row, |weight| number(weight.std)),
        plain: |row| weight(row, |weight| plain(weight.std)),
    },
    Column {
        title: "Non-finite",
        key: "non_finite",
        align: Align::Right,
        text: |row| {
            row.non_finite
                .map_or(String::new(), |count| thousands(count as i64))
        },
        plain: |row| {
            row.non_finite
                .map_or(String::new(), |count| count.to_string())
        },
    },
];

fn weight(row: &Row, show: fn(&WeightStatistics) -> String) -> String {
    row.weight.as_ref().map_or(String::new(), show)
}

fn plain(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

/// `[16, 64, 112, 112]`.
pub fn shape(shape: Option<&[i64]>, none: &str) -> String {
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

fn repeated(runs: usize) -> String {
    if runs > 1 {
        format!(" x{runs}")
    } else {
        String::new()
    }
}

/// Nothing where there is nothing, so that the numbers that matter stand out.
fn count(value: i64) -> String {
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

fn memory(bytes: i64) -> String {
    match bytes {
        0 => String::new(),
        1_000_000.. => format!("{:.1} MB", bytes as f64 / 1e6),
        10_000.. => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{bytes} B"),
    }
}
