//! Which boxes stand in which column.

use super::rows::{Rows, is_inside};
use crate::show::graph::drawing::Drawing;

/// A taller picture is split into two columns.
const TALL: f64 = 900.0;

/// The boxes of each column, in the order in which they run. Blocks that run side by side stand in columns of their own; a
/// chain of blocks is split where a single value crosses and no frame is cut.
pub(super) fn columns(drawing: &Drawing, sizes: &[(f64, f64)]) -> Vec<Vec<usize>> {
    let rows = Rows::new(
        drawing,
        sizes,
        &(0..drawing.units.len()).collect::<Vec<_>>(),
    );
    let beside = Beside::new(drawing, &rows);
    let column_of = match beside.columns.len() {
        1 => split(drawing, &rows),
        _ => beside.of_unit,
    };
    let count = column_of.iter().max().map_or(0, |column| column + 1);
    let mut columns = vec![Vec::new(); count];
    for (unit, &column) in column_of.iter().enumerate() {
        columns[column].push(unit);
    }
    columns
}

/// Rows, the first and the last, that something takes.
type Span = (usize, usize);

/// Puts blocks whose rows overlap into different columns.
struct Beside {
    of_unit: Vec<usize>,
    /// What stands in each column: its rows, and whether it is a block, which leaves no room beside it.
    columns: Vec<Vec<(Span, bool)>>,
}

impl Beside {
    fn new(drawing: &Drawing, rows: &Rows) -> Self {
        let mut beside = Self {
            of_unit: vec![0; drawing.units.len()],
            columns: vec![Vec::new()],
        };
        let outermost = |group: Option<usize>| {
            let mut groups =
                (0..drawing.groups.len()).filter(|&outer| is_inside(drawing, group, outer));
            groups.find(|&outer| drawing.groups[outer].parent.is_none())
        };
        let blocks: Vec<Option<usize>> = drawing
            .units
            .iter()
            .map(|unit| outermost(unit.group))
            .collect();
        let mut placed = vec![false; drawing.units.len()];
        for unit in 0..drawing.units.len() {
            if placed[unit] {
                continue;
            }
            let members: Vec<usize> = match blocks[unit] {
                Some(block) => (unit..blocks.len())
                    .filter(|&other| blocks[other] == Some(block))
                    .collect(),
                None => vec![unit],
            };
            let taken = members.iter().map(|&member| rows.of_unit[member]);
            let span = (taken.clone().min().unwrap_or(0), taken.max().unwrap_or(0));
            let sources = drawing
                .edges
                .iter()
                .filter(|edge| members.contains(&edge.to));
            let first = sources
                .filter(|edge| placed[edge.from])
                .map(|edge| beside.of_unit[edge.from]);
            let column = beside.free(first.max().unwrap_or(0), span, blocks[unit].is_some());
            for member in members {
                beside.of_unit[member] = column;
                placed[member] = true;
            }
        }
        beside
    }

    /// The first column from number `first` on that has these rows free; takes them.
    fn free(&mut self, first: usize, span: Span, is_block: bool) -> usize {
        let overlaps = |&((from, to), other): &(Span, bool)| {
            (is_block || other) && from <= span.1 && span.0 <= to
        };
        let mut columns = self.columns.iter().enumerate().skip(first);
        let free = columns.find(|(_, column)| !column.iter().any(overlaps));
        let column = free.map_or(self.columns.len(), |(index, _)| index);
        self.columns
            .resize_with(self.columns.len().max(column + 1), Vec::new);
        self.columns[column].push((span, is_block));
        column
    }
}

/// The column of each box of a chain.
fn split(drawing: &Drawing, rows: &Rows) -> Vec<usize> {
    let count = rows.heights.len();
    let taller = |&row: &usize| rows.height(0..row).max(rows.height(row..count));
    let candidates = (1..count).filter(|&row| can_break(drawing, rows, row));
    let cut = match candidates.min_by(|a, b| taller(a).total_cmp(&taller(b))) {
        Some(row) if rows.height(0..count) >= TALL => row,
        _ => count,
    };
    rows.of_unit
        .iter()
        .map(|&row| usize::from(row >= cut))
        .collect()
}

fn can_break(drawing: &Drawing, rows: &Rows, row: usize) -> bool {
    let mut crossing = drawing
        .edges
        .iter()
        .filter(|edge| rows.of_unit[edge.from] < row && rows.of_unit[edge.to] >= row);
    let is_one = crossing.next().is_some() && crossing.next().is_none();
    let mut spans = rows.spans.iter().flatten();
    is_one && spans.all(|&(first, last)| row <= first || row > last)
}
