use std::io::{self, Write};

use super::Summary;
use super::columns::COLUMNS;

/// A header and one line per module. A block's numbers contain those of its layers: to add up, take the lines whose
/// `is_layer` is true.
pub fn write(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(
        ["depth", "is_layer"]
            .into_iter()
            .chain(COLUMNS.iter().map(|column| column.key)),
    )?;
    for row in &summary.layers {
        let place = [row.depth.to_string(), row.is_layer.to_string()];
        let values = COLUMNS.iter().map(|column| (column.plain)(row));
        csv.write_record(place.into_iter().chain(values))?;
    }
    csv.flush()
}
