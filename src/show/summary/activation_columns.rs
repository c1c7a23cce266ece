//! The columns of the table of activations.

use super::activations::{Activation, Comparison};
use super::table::Column;
use crate::text::number::thousands;

/// What is shown of every output.
pub const COLUMNS: [Column<Activation>; 7] = [
    Column::words("Name", "name", |row| row.name.clone()),
    Column::words("Type", "type", |row| row.type_name.to_owned()),
    Column::words("Output", "output", |row| format!("{:?}", row.shape)),
    Column::measured("Mean", "mean", |row| row.statistics.mean),
    Column::measured("Std", "std", |row| row.statistics.std),
    Column::numbers(
        "Zeros",
        "zeros",
        |row| format!("{:.1}%", row.statistics.zeros * 100.0),
        |row| row.statistics.zeros.to_string(),
    ),
    Column::numbers(
        "Non-finite",
        "non_finite",
        |row| thousands(row.statistics.non_finite),
        |row| row.statistics.non_finite.to_string(),
    ),
];

/// What a comparison adds.
pub const COMPARED: [Column<Activation>; 3] = [
    Column::numbers(
        "Max diff",
        "max_difference",
        |row| {
            row.difference()
                .map_or(String::new(), |(max_abs, _)| short(max_abs))
        },
        |row| {
            row.difference()
                .map_or(String::new(), |(max_abs, _)| max_abs.to_string())
        },
    ),
    Column::numbers(
        "Rel diff",
        "relative_difference",
        |row| {
            row.difference()
                .map_or(String::new(), |(_, relative)| short(relative))
        },
        |row| {
            row.difference()
                .map_or(String::new(), |(_, relative)| relative.to_string())
        },
    ),
    Column::words("Reference", "reference", note),
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

fn short(difference: f64) -> String {
    if difference == 0.0 {
        "0".to_owned()
    } else {
        format!("{difference:.1e}")
    }
}
