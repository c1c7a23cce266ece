//! Text in columns that fit a terminal.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::text::terminal::end_of;

/// Alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// For names and shapes.
    Left,
    /// For numbers.
    Right,
}

/// Cells of text. The first line has titles, the first column names.
pub(super) struct Grid {
    pub lines: Vec<Vec<String>>,
    /// Columns with the lowest rank are dropped first; `None` is never dropped.
    pub ranks: Vec<Option<u8>>,
    pub aligns: Vec<Align>,
}

/// Spaces between two columns.
const GAP: &str = "  ";
/// The least width of names.
const NAMES: usize = 24;

impl Grid {
    /// Width of the whole grid.
    pub(super) fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            self.lines
                .iter()
                .map(move |line| line[column].width())
                .max()
        };
        (0..self.ranks.len())
            .map(|column| width(column).unwrap_or(0))
            .collect()
    }

    /// Drops columns until the rest fits in `width`, then cuts the start of long names. Returns the titles of the dropped
    /// columns, from left to right.
    pub(super) fn fit(&mut self, width: usize) -> Vec<String> {
        let titles = self.lines[0].clone();
        let names = self.widths()[0];
        while self.width() - names + names.min(NAMES) > width
            && let Some(column) = self.least_important()
        {
            self.lines
                .iter_mut()
                .for_each(|line| drop(line.remove(column)));
            self.ranks.remove(column);
            self.aligns.remove(column);
        }
        let room = names
            .saturating_sub(self.width().saturating_sub(width))
            .max(1);
        for line in &mut self.lines {
            line[0] = end_of(&line[0], room);
        }
        let shown = &self.lines[0];
        titles
            .into_iter()
            .filter(|title| !shown.contains(title))
            .collect()
    }

    fn least_important(&self) -> Option<usize> {
        let ranks = self.ranks.iter().enumerate();
        let ranked = ranks.filter_map(|(column, rank)| Some((rank.as_ref()?, column)));
        ranked.min().map(|(_, column)| column)
    }

    /// Writes the lines, between two rules.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let (widths, width) = (self.widths(), self.width());
        for (index, line) in self.lines.iter().enumerate() {
            let cells = line.iter().zip(&widths).zip(&self.aligns);
            let cells = cells.map(|((cell, width), align)| {
                let padding = " ".repeat(width - cell.width());
                match align {
                    Align::Left => format!("{cell}{padding}"),
                    Align::Right => format!("{padding}{cell}"),
                }
            });
            writeln!(out, "{}", cells.collect::<Vec<_>>().join(GAP).trim_end())?;
            if index == 0 {
                writeln!(out, "{}", "-".repeat(width))?;
            }
        }
        writeln!(out, "{}", "=".repeat(width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let lines = [
            ["Name", "Type", "Params"],
            ["eco_2d.inception_a.inception_3a_1x1", "Conv2d", "12,352"],
        ];
        Grid {
            lines: lines.map(|line| line.map(str::to_owned).to_vec()).to_vec(),
            ranks: vec![None, Some(1), Some(2)],
            aligns: vec![Align::Left, Align::Left, Align::Right],
        }
    }

    #[test]
    fn columns_go_before_names_are_cut_to_less_than_can_be_read() {
        for (width, missing) in [
            (49, &[][..]),
            (40, &[]),
            (39, &["Type"]),
            (20, &["Type", "Params"]),
        ] {
            let mut grid = grid();
            assert_eq!(grid.fit(width), missing, "{width}");
            assert!(grid.width() <= width, "{width}: {}", grid.width());
        }
    }

    #[test]
    fn the_end_of_a_name_stays() {
        let mut grid = grid();
        grid.fit(34);
        assert_eq!(grid.lines[1][0], "…eption_a.inception_3a_1x1");
    }
}
