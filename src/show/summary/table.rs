//! Tables of any rows, as text, CSV and Markdown.

use std::io::{self, Write};

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    /// For names and shapes.
    Left,
    /// For numbers.
    Right,
}

/// One column of a table of `R`s.
pub struct Column<R> {
    /// Heading for people.
    title: &'static str,
    /// Heading for programs.
    key: &'static str,
    /// Where its text stands.
    align: Align,
    /// The value for people.
    text: fn(&R) -> String,
    /// The value for programs.
    plain: fn(&R) -> String,
}

impl<R> Column<R> {
    /// Words, the same for people and for programs.
    pub const fn words(title: &'static str, key: &'static str, text: fn(&R) -> String) -> Self {
        Self::new(title, key, Align::Left, text, text)
    }

    /// Shapes, with a remark for people.
    pub const fn shapes(
        title: &'static str,
        key: &'static str,
        text: fn(&R) -> String,
        plain: fn(&R) -> String,
    ) -> Self {
        Self::new(title, key, Align::Left, text, plain)
    }

    /// Numbers, shortened for people.
    pub const fn numbers(
        title: &'static str,
        key: &'static str,
        text: fn(&R) -> String,
        plain: fn(&R) -> String,
    ) -> Self {
        Self::new(title, key, Align::Right, text, plain)
    }

    const fn new(
        title: &'static str,
        key: &'static str,
        align: Align,
        text: fn(&R) -> String,
        plain: fn(&R) -> String,
    ) -> Self {
        Self {
            title,
            key,
            align,
            text,
            plain,
        }
    }
}

/// Rows and the columns that show them.
pub struct Table<'a, R> {
    /// From left to right.
    pub columns: Vec<&'a Column<R>>,
    /// From top to bottom.
    pub rows: &'a [R],
}

/// Spaces between two columns of text.
const GAP: &str = "  ";

impl<R> Table<'_, R> {
    /// A header for programs and one line per row.
    pub fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(self.columns.iter().map(|column| column.key))?;
        for row in self.rows {
            csv.write_record(self.columns.iter().map(|column| (column.plain)(row)))?;
        }
        csv.flush()
    }

    /// A table of GitHub's Markdown; the first column is set as code.
    pub fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        let titles: Vec<&str> = self.columns.iter().map(|column| column.title).collect();
        let rules = self.columns.iter().map(|column| match column.align {
            Align::Left => "---",
            Align::Right => "---:",
        });
        let rules: Vec<&str> = rules.collect();
        writeln!(out, "| {} |", titles.join(" | "))?;
        writeln!(out, "| {} |", rules.join(" | "))?;
        for row in self.rows {
            let mut cells = self.cells(row);
            cells[0] = format!("`{}`", cells[0]);
            writeln!(out, "| {} |", cells.join(" | "))?;
        }
        Ok(())
    }

    /// Aligned columns between two rules.
    pub fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let titles = self.columns.iter().map(|column| column.title.to_owned());
        let mut lines = vec![titles.collect::<Vec<String>>()];
        lines.extend(self.rows.iter().map(|row| self.cells(row)));
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|index| {
                lines
                    .iter()
                    .map(|line| line[index].len())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let width = widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
        for (index, line) in lines.iter().enumerate() {
            let cells = line.iter().zip(&widths).zip(&self.columns);
            let cells: Vec<String> = cells
                .map(|((cell, width), column)| match column.align {
                    Align::Left => format!("{cell:<width$}"),
                    Align::Right => format!("{cell:>width$}"),
                })
                .collect();
            writeln!(out, "{}", cells.join(GAP).trim_end())?;
            if index == 0 {
                writeln!(out, "{}", "-".repeat(width))?;
            }
        }
        writeln!(out, "{}", "=".repeat(width))
    }

    fn cells(&self, row: &R) -> Vec<String> {
        self.columns
            .iter()
            .map(|column| (column.text)(row))
            .collect()
    }
}
