//! Tables of any rows, as text, CSV and Markdown.

use std::io::{self, Write};

use super::grid::{Align, Grid};
use crate::text::names;
use crate::text::number::four_digits;
use crate::text::terminal::wrapped;

/// The format in which a table is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TableFormat {
    /// Aligned columns for a terminal.
    #[default]
    Text,
    /// One object with everything.
    Json,
    /// One line per module, plain numbers.
    Csv,
    /// A table for a document.
    Markdown,
}

names!(TableFormat { Text = "text", Json = "json", Csv = "csv", Markdown = "markdown" });

/// One column of a table of `R`s.
pub(super) struct Column<R> {
    /// Heading for people.
    title: &'static str,
    /// Heading for programs.
    key: &'static str,
    align: Align,
    value: Value<R>,
    /// A shorter form of the value, for narrow terminals.
    short: Option<fn(&R) -> String>,
    /// Columns with the lowest rank are dropped first on narrow terminals; `None` is never dropped.
    rank: Option<u8>,
}

/// How a column shows a row.
enum Value<R> {
    /// The same words for people and for programs.
    Words(fn(&R) -> String),
    /// What people see, and what programs read.
    Both(fn(&R) -> String, fn(&R) -> String),
    /// Four digits for people, all of them for programs, nothing where there is no number.
    Measured(fn(&R) -> Option<f64>),
}

impl<R> Column<R> {
    /// Words, the same for people and for programs.
    pub(super) const fn words(
        title: &'static str,
        key: &'static str,
        words: fn(&R) -> String,
    ) -> Self {
        Self::new(title, key, Align::Left, Value::Words(words))
    }

    /// Shapes, with a remark for people.
    pub(super) const fn shapes(
        title: &'static str,
        key: &'static str,
        text: fn(&R) -> String,
        plain: fn(&R) -> String,
    ) -> Self {
        Self::new(title, key, Align::Left, Value::Both(text, plain))
    }

    /// Numbers, written in one way for people and in another for programs.
    pub(super) const fn numbers(
        title: &'static str,
        key: &'static str,
        text: fn(&R) -> String,
        plain: fn(&R) -> String,
    ) -> Self {
        Self::new(title, key, Align::Right, Value::Both(text, plain))
    }

    /// Measured numbers: four digits for people, all for programs, nothing where there is none.
    pub(super) const fn measured(
        title: &'static str,
        key: &'static str,
        value: fn(&R) -> Option<f64>,
    ) -> Self {
        Self::new(title, key, Align::Right, Value::Measured(value))
    }

    const fn new(title: &'static str, key: &'static str, align: Align, value: Value<R>) -> Self {
        Self {
            title,
            key,
            align,
            value,
            short: None,
            rank: None,
        }
    }

    /// Adds a shorter form of the value, for narrow terminals.
    pub(super) const fn or_short(mut self, short: fn(&R) -> String) -> Self {
        self.short = Some(short);
        self
    }

    /// Lets the column be dropped on narrow terminals; the lowest rank goes first.
    pub(super) const fn optional(mut self, rank: u8) -> Self {
        self.rank = Some(rank);
        self
    }

    fn short(&self, row: &R) -> String {
        self.short
            .map_or_else(|| self.text(row), |short| short(row))
    }

    /// The value for people.
    fn text(&self, row: &R) -> String {
        match self.value {
            Value::Words(text) | Value::Both(text, _) => text(row),
            Value::Measured(value) => value(row).map_or(String::new(), four_digits),
        }
    }

    /// The value for programs.
    fn plain(&self, row: &R) -> String {
        match self.value {
            Value::Words(plain) | Value::Both(_, plain) => plain(row),
            Value::Measured(value) => value(row).map_or(String::new(), |value| value.to_string()),
        }
    }
}

/// Rows and the columns that show them.
pub(super) struct Table<'a, R> {
    /// From left to right.
    pub columns: Vec<&'a Column<R>>,
    /// From top to bottom.
    pub rows: &'a [R],
}

impl<R> Table<'_, R> {
    /// A header for programs and one line per row.
    pub(super) fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(self.columns.iter().map(|column| column.key))?;
        for row in self.rows {
            csv.write_record(self.columns.iter().map(|column| column.plain(row)))?;
        }
        csv.flush()
    }

    /// A table of GitHub's Markdown; the first column is set as code.
    pub(super) fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
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

    /// Aligned columns between two rules. When they are wider than `width`, names are shortened and the least important columns
    /// dropped; a line below names them.
    pub(super) fn text(&self, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
        let titles = self.columns.iter().map(|column| column.title.to_owned());
        let rows = self.rows.iter().map(|row| self.cells(row));
        let mut grid = Grid {
            lines: [titles.collect()].into_iter().chain(rows).collect(),
            ranks: self.columns.iter().map(|column| column.rank).collect(),
            aligns: self.columns.iter().map(|column| column.align).collect(),
        };
        let left_out = match width {
            Some(width) if grid.width() > width => {
                for (line, row) in grid.lines.iter_mut().skip(1).zip(self.rows) {
                    line[0] = self.columns[0].short(row);
                }
                grid.fit(width)
            }
            _ => Vec::new(),
        };
        grid.write(out)?;
        match width {
            Some(width) if !left_out.is_empty() => {
                let text = format!("Not shown in {width} columns: {}", left_out.join(", "));
                writeln!(out, "{}", wrapped(&text, width))
            }
            _ => Ok(()),
        }
    }

    fn cells(&self, row: &R) -> Vec<String> {
        self.columns.iter().map(|column| column.text(row)).collect()
    }
}
