//! The columns of the table of activations.

use super::activations::{Activation, Comparison};
use super::statistics::number;
use super::table::{Align, Column};
use crate::graph::number::thousands;

/// What is shown of every output.
pub const COLUMNS: [Column<Activation>; 7] = [
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
        title: "Output",
        key: "output",
        align: Align::Left,
        text: |row| format!("{:?}", row.shape),
        plain: |row| format!("{:?}", row.shape),
    },
    Column {
        title: "Mean",
        key: "mean",
        align: Align::Right,
        text: |row| number(row.statistics.mean),
        plain: |row| plain(row.statistics.mean),
    },
    Column {
        title: "Std",
        key: "std",
        align: Align::Right,
        text: |row| number(row.statistics.std),
        plain: |row| plain(row.statistics.std),
    },
    Column {
        title: "Zeros",
        key: "zeros",
        align: Align::Right,
        text: |row| format!("{:.1}%", row.statistics.zeros * 100.0),
        plain: |row| row.statistics.zeros.to_string(),
    },
    Column {
        title: "Non-finite",
        key: "non_finite",
        align: Align::Right,
        text: |row| thousands(row.statistics.non_finite as i64),
        plain: |row| row.statistics.non_finite.to_string(),
    },
];

/// What a comparison adds.
pub const COMPARED: [Column<Activation>; 3] = [
    Column {
        title: "Max diff",
        key: "max_difference",
        align: Align::Right,
        text: |row| {
            row.difference()
                .map_or(String::new(), |(max_abs, _)| short(max_abs))
        },
        plain: |row| plain(row.difference().map(|(max_abs, _)| max_abs)),
    },
    Column {
        title: "Rel diff",
        key: "relative_difference",
        align: Align::Right,
        text: |row| {
            row.difference()
                .map_or(String::new(), |(_, relative)| short(relative))
        },
        plain: |row| plain(row.difference().map(|(_, relative)| relative)),
    },
    Column {
        title: "Reference",
        key: "reference",
        align: Align::Left,
        text: note,
        plain: note,
    },
];

impl Activation {
    fn difference(&self) -> Option<(f64, f64)> {
        match self.comparison {
            Some(Comparison::Difference { max_abs, relative }) => Some((max_abs, relative)),
            _ => None,
        }
    }
}

/// Why there are no numbers.
fn note(row: &Activation) -> String {
    match &row.comparison {
        Some(Comparison::Shape(shape)) => format!("has {shape:?}"),
        Some(Comparison::Missing) => "does not have it".to_owned(),
        Some(Comparison::Overwritten) => "keeps the last run".to_owned(),
        Some(Comparison::Difference { .. }) | None => String::new(),
    }
}

fn plain(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

fn short(difference: f64) -> String {
    if difference == 0.0 {
        "0".to_owned()
    } else {
        format!("{difference:.1e}")
    }
}
