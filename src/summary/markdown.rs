use std::io::{self, Write};

use super::Summary;
use super::columns::{Align, COLUMNS};

/// A table of the modules, then one of the totals.
pub fn write(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let titles: Vec<&str> = COLUMNS.iter().map(|column| column.title).collect();
    let rules: Vec<&str> = COLUMNS
        .iter()
        .map(|column| match column.align {
            Align::Left => "---",
            Align::Right => "---:",
        })
        .collect();
    writeln!(out, "| {} |", titles.join(" | "))?;
    writeln!(out, "| {} |", rules.join(" | "))?;
    for row in &summary.layers {
        let mut cells: Vec<String> = COLUMNS.iter().map(|column| (column.text)(row)).collect();
        cells[0] = format!("`{}`", cells[0]);
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    writeln!(out, "\n| Total | |\n| --- | ---: |")?;
    for (name, value) in summary.totals.lines() {
        writeln!(out, "| {name} | {value} |")?;
    }
    Ok(())
}
