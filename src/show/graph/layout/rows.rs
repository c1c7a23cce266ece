//! The row of each box, and the rows of each column.

use super::geometry::{BEND, FOOT, HEADING, ROW_GAP};
use crate::show::graph::drawing::Drawing;

/// A taller picture is split into two columns.
const TALL: f64 = 900.0;

/// Consecutive rows.
pub type Range = std::ops::Range<usize>;

/// Boxes assigned to rows by the longest path that leads to them.
pub struct Rows {
    /// Row of each box.
    pub of_unit: Vec<usize>,
    /// Height of each row.
    pub heights: Vec<f64>,
    /// First and last row of each group.
    pub spans: Vec<(usize, usize)>,
}

impl Rows {
    /// The rows of a drawing whose boxes have these widths and heights.
    pub fn new(drawing: &Drawing, sizes: &[(f64, f64)]) -> Self {
        let mut of_unit = vec![0; drawing.units.len()];
        // Boxes are in the order in which they run, so that what feeds a box is placed before it.
        for unit in 0..of_unit.len() {
            let sources = drawing.edges.iter().filter(|edge| edge.to == unit);
            of_unit[unit] = sources
                .map(|edge| of_unit[edge.from] + 1)
                .max()
                .unwrap_or(0);
        }
        let mut heights = vec![0.0_f64; of_unit.iter().max().map_or(0, |row| row + 1)];
        for (&row, size) in of_unit.iter().zip(sizes) {
            heights[row] = heights[row].max(size.1);
        }
        let spans = (0..drawing.groups.len())
            .map(|group| {
                let inside = of_unit
                    .iter()
                    .zip(&drawing.units)
                    .filter(|(_, unit)| is_inside(drawing, unit.group, group));
                let rows = inside.map(|(&row, _)| row);
                (rows.clone().min().unwrap_or(0), rows.max().unwrap_or(0))
            })
            .collect();
        Self {
            of_unit,
            heights,
            spans,
        }
    }

    /// Room for headings above a row, and below them for edges that fan out.
    pub fn above(&self, row: usize) -> f64 {
        match self.spans.iter().filter(|span| span.0 == row).count() {
            0 => 0.0,
            headings => HEADING * headings as f64 + BEND,
        }
    }

    /// Room for the ends of frames below a row.
    pub fn below(&self, row: usize) -> f64 {
        FOOT * self.spans.iter().filter(|span| span.1 == row).count() as f64
    }

    fn height(&self, rows: Range) -> f64 {
        rows.map(|row| self.above(row) + self.heights[row] + self.below(row) + ROW_GAP)
            .sum()
    }
}

/// Whether `group` is `outer` or lies in it.
pub fn is_inside(drawing: &Drawing, group: Option<usize>, outer: usize) -> bool {
    let mut group = group;
    while let Some(index) = group {
        if index == outer {
            return true;
        }
        group = drawing.groups[index].parent;
    }
    false
}

/// The rows of each column. A picture is split where a single value crosses and no frame is cut.
#[allow(
    clippy::single_range_in_vec_init,
    reason = "one column is one range of rows"
)]
pub fn columns(drawing: &Drawing, rows: &Rows) -> Vec<Range> {
    let count = rows.heights.len();
    if rows.height(0..count) < TALL {
        return vec![0..count];
    }
    let can_break = |row: usize| {
        let mut crossing = drawing
            .edges
            .iter()
            .filter(|edge| rows.of_unit[edge.from] < row && rows.of_unit[edge.to] >= row);
        let is_one = crossing.next().is_some() && crossing.next().is_none();
        is_one
            && rows
                .spans
                .iter()
                .all(|&(first, last)| row <= first || row > last)
    };
    let taller = |&row: &usize| rows.height(0..row).max(rows.height(row..count));
    let candidates = (1..count).filter(|&row| can_break(row));
    match candidates.min_by(|a, b| taller(a).total_cmp(&taller(b))) {
        Some(row) => vec![0..row, row..count],
        None => vec![0..count],
    }
}
