use std::io::{self, Write};

use super::Summary;
use super::columns::{Align, COLUMNS};

/// Aligned columns, then the totals.
pub fn write(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let titles = COLUMNS.iter().map(|column| column.title.to_owned());
    let aligns: Vec<Align> = COLUMNS.iter().map(|column| column.align).collect();
    let mut table = Table::new(aligns, titles.collect());
    for row in &summary.layers {
        table.push(COLUMNS.iter().map(|column| (column.text)(row)).collect());
    }
    let rule = "=".repeat(table.width());
    writeln!(
        out,
        "{}, input {:?}, {} classes\n{rule}",
        summary.network, summary.input, summary.classes
    )?;
    table.write(out)?;
    write!(out, "{rule}\n{}", summary.totals)
}

/// Cells of text under titles.
pub struct Table {
    aligns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

/// Spaces between two columns.
const GAP: usize = 2;

impl Table {
    /// A table with nothing but titles.
    pub fn new(aligns: Vec<Align>, titles: Vec<String>) -> Self {
        Self {
            aligns,
            rows: vec![titles],
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    fn widths(&self) -> Vec<usize> {
        let width = |index: usize| self.rows.iter().map(move |row| row[index].len()).max();
        (0..self.aligns.len())
            .map(|index| width(index).unwrap_or(0))
            .collect()
    }

    /// Characters per line.
    pub fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    /// Titles, a rule and the rows.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let widths = self.widths();
        for (index, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).zip(&self.aligns);
            let cells: Vec<String> = cells
                .map(|((cell, width), align)| match align {
                    Align::Left => format!("{cell:<width$}"),
                    Align::Right => format!("{cell:>width$}"),
                })
                .collect();
            writeln!(out, "{}", cells.join(&" ".repeat(GAP)).trim_end())?;
            if index == 0 {
                writeln!(out, "{}", "-".repeat(self.width()))?;
            }
        }
        Ok(())
    }
}
