//! The columns of the table of activations.

use super::activation::{Activation, Comparison};
use super::table::Column;
use crate::text::number::thousands;

type OutputColumn = Column<Activation>;

/// The columns of every table of activations.
pub(super) const COLUMNS: [OutputColumn; 7] = [
    OutputColumn::words("Name", "name", |row| row.name.clone()),
    OutputColumn::words("Type", "type", |row| row.type_name.to_owned()).optional(1),
    OutputColumn::words("Output", "output", |row| format!("{:?}", row.shape)).optional(6),
    OutputColumn::measured("Mean", "mean", |row| row.statistics.mean).optional(4),
    OutputColumn::measured("Std", "std", |row| row.statistics.std).optional(3),
    OutputColumn::numbers(
        "Zeros",
        "zeros",
        |row| format!("{:.1}%", row.statistics.zeros * 100.0),
        |row| row.statistics.zeros.to_string(),
    )
    .optional(2),
    OutputColumn::numbers(
        "Non-finite",
        "non_finite",
        |row| thousands(row.statistics.non_finite),
        |row| row.statistics.non_finite.to_string(),
    )
    .optional(5),
];

/// The columns that a comparison adds.
pub(super) const COMPARED: [OutputColumn; 3] = [
    OutputColumn::numbers(
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
    )
    .optional(7),
    OutputColumn::numbers(
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
    OutputColumn::words("Reference", "reference", note).optional(8),
];

impl Activation {
    fn difference(&self) -> Option<(f64, f64)> {
        match self.comparison {
            Some(Comparison::Difference { max_abs, relative }) => Some((max_abs, relative)),
            _ => None,
        }
    }
}

/// Why there is no difference to show.
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
