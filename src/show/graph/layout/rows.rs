//! The row of each box.

use std::ops::Range;

use super::geometry::{BEND, FOOT, HEADING, ROW_GAP};
use crate::show::graph::drawing::Drawing;

/// Boxes of a column, assigned to rows by the longest path that leads to them in it.
pub(super) struct Rows {
    /// The boxes.
    pub units: Vec<usize>,
    /// Row of each box; 0 for those of other columns.
    pub of_unit: Vec<usize>,
    /// Height of each row.
    pub heights: Vec<f64>,
    /// First and last row of each group that has boxes here.
    pub spans: Vec<Option<(usize, usize)>>,
}

impl Rows {
    /// The rows of some boxes, in the order in which they run, with these widths and heights.
    pub(super) fn new(drawing: &Drawing, sizes: &[(f64, f64)], units: &[usize]) -> Self {
        let mut of_unit = vec![0; drawing.units.len()];
        // What feeds a box is placed before it.
        for &unit in units {
            let edges = drawing.edges.iter().filter(|edge| edge.to == unit);
            let sources = edges.filter(|edge| units.contains(&edge.from));
            of_unit[unit] = sources
                .map(|edge| of_unit[edge.from] + 1)
                .max()
                .unwrap_or(0);
        }
        let last = units.iter().map(|&unit| of_unit[unit]).max();
        let mut heights = vec![0.0_f64; last.map_or(0, |row| row + 1)];
        for &unit in units {
            let row = of_unit[unit];
            heights[row] = heights[row].max(sizes[unit].1);
        }
        let spans = (0..drawing.groups.len()).map(|group| {
            let inside = units
                .iter()
                .filter(|&&unit| is_inside(drawing, drawing.units[unit].group, group));
            let rows = inside.map(|&unit| of_unit[unit]);
            Some((rows.clone().min()?, rows.max()?))
        });
        Self {
            units: units.to_vec(),
            spans: spans.collect(),
            of_unit,
            heights,
        }
    }

    /// Room for headings above a row, and below them for edges that fan out.
    pub(super) fn above(&self, row: usize) -> f64 {
        match self
            .spans
            .iter()
            .flatten()
            .filter(|span| span.0 == row)
            .count()
        {
            0 => 0.0,
            headings => HEADING * headings as f64 + BEND,
        }
    }

    /// Room for the ends of frames below a row.
    pub(super) fn below(&self, row: usize) -> f64 {
        FOOT * self
            .spans
            .iter()
            .flatten()
            .filter(|span| span.1 == row)
            .count() as f64
    }

    /// Height of consecutive rows.
    pub(super) fn height(&self, rows: Range<usize>) -> f64 {
        rows.map(|row| self.above(row) + self.heights[row] + self.below(row) + ROW_GAP)
            .sum()
    }
}

/// Whether `group` is `outer` or lies in it.
pub(super) fn is_inside(drawing: &Drawing, group: Option<usize>, outer: usize) -> bool {
    let mut group = group;
    while let Some(index) = group {
        if index == outer {
            return true;
        }
        group = drawing.groups[index].parent;
    }
    false
}
