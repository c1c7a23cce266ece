//! The columns of the table, shared by the formats that have columns.

use super::Row;
use crate::graph::number::thousands;
use crate::model::Setting;

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// For names and shapes.
    Left,
    /// For numbers.
    Right,
}

/// One column.
pub struct Column {
    /// Heading for people.
    pub title: &'static str,
    /// Heading for programs.
    pub key: &'static str,
    /// Where its text stands.
    pub align: Align,
    /// The value for people.
    pub text: fn(&Row) -> String,
    /// The value for programs.
    pub plain: fn(&Row) -> String,
}

/// All columns, from left to right.
pub const COLUMNS: [Column; 11] = [
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
        _ => format!("{:.1} kB", bytes as f64 / 1e3),
    }
}
