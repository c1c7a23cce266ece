//! Where the boxes of a drawing stand: layers from top to bottom, as in Sugiyama, Tagawa and Toda, "Methods for Visual
//! Understanding of Hierarchical System Structures" (1981), in one or two columns.

use std::collections::HashMap;

use super::drawing::{Drawing, Flow};

/// A drawing with coordinates, in pixels from the top left.
#[derive(Debug)]
pub struct Layout {
    /// Width of the picture.
    pub width: f64,
    /// Height of the picture.
    pub height: f64,
    /// One per box.
    pub boxes: Vec<Rect>,
    /// One per group.
    pub frames: Vec<Rect>,
    /// The points each edge passes, one list per edge.
    pub routes: Vec<Vec<Point>>,
}

/// A place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// A rectangle.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rect {
    /// Left side.
    pub x: f64,
    /// Upper side.
    pub y: f64,
    /// Extent to the right.
    pub width: f64,
    /// Extent downwards.
    pub height: f64,
}

impl Rect {
    /// The middle of the width.
    pub fn center(&self) -> f64 {
        self.x + self.width / 2.0
    }

    /// The lower side.
    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// The right side.
    pub fn right(&self) -> f64 {
        self.x + self.width
    }
}

/// Room around a picture, and above it for a title.
const MARGIN: f64 = 20.0;
const TITLE: f64 = 44.0;
/// Between two rows of boxes: room for an edge and its label.
const ROW_GAP: f64 = 26.0;
/// Between two things in a row.
const GAP: f64 = 14.0;
/// Room that an edge needs which passes a row.
const LANE: f64 = 12.0;
/// Frames: room for a heading, and around what they hold.
const HEADING: f64 = 24.0;
const PADDING: f64 = 10.0;
/// Between two columns.
const GUTTER: f64 = 56.0;
/// A picture taller than this is broken into two columns.
const TALL: f64 = 900.0;
/// How often the rows are pulled towards their neighbours; more changes nothing that can be seen.
const SWEEPS: usize = 12;

/// Lays out a drawing whose boxes have these widths and heights and whose frames need these widths.
pub fn layout(drawing: &Drawing, sizes: &[(f64, f64)], frame_width: f64) -> Layout {
    let rows = Rows::new(drawing, sizes);
    let columns = columns(drawing, &rows);
    let mut layout = Layout {
        width: MARGIN,
        height: 0.0,
        boxes: sizes
            .iter()
            .map(|&(width, height)| Rect {
                width,
                height,
                ..Rect::default()
            })
            .collect(),
        frames: vec![Rect::default(); drawing.groups.len()],
        routes: vec![Vec::new(); drawing.edges.len()],
    };
    for column in &columns {
        let slots = Slots::new(drawing, &rows, sizes, column.clone());
        slots.place(drawing, &rows, frame_width, &mut layout);
    }
    layout.width += MARGIN - GUTTER;
    layout.height += MARGIN;
    join_columns(drawing, &rows, &columns, &mut layout);
    layout
}

type Range = std::ops::Range<usize>;

/// Boxes by the longest way that leads to them.
struct Rows {
    of_unit: Vec<usize>,
    heights: Vec<f64>,
    /// First and last row of each group.
    spans: Vec<(usize, usize)>,
}

impl Rows {
    fn new(drawing: &Drawing, sizes: &[(f64, f64)]) -> Self {
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

    /// Room for headings above a row.
    fn above(&self, row: usize) -> f64 {
        HEADING * self.spans.iter().filter(|span| span.0 == row).count() as f64
    }

    /// Room for the ends of frames below a row.
    fn below(&self, row: usize) -> f64 {
        PADDING * self.spans.iter().filter(|span| span.1 == row).count() as f64
    }

    fn height(&self, rows: Range) -> f64 {
        rows.map(|row| self.above(row) + self.heights[row] + self.below(row) + ROW_GAP)
            .sum()
    }
}

fn is_inside(drawing: &Drawing, group: Option<usize>, outer: usize) -> bool {
    let mut group = group;
    while let Some(index) = group {
        if index == outer {
            return true;
        }
        group = drawing.groups[index].parent;
    }
    false
}

/// The rows of each column. A picture is broken where one value leads from one half to the other and no frame is cut.
fn columns(drawing: &Drawing, rows: &Rows) -> Vec<Range> {
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

/// A box, or the place where an edge passes a row.
struct Slot {
    row: usize,
    unit: Option<usize>,
    width: f64,
    x: f64,
}

/// All slots of a column and what connects them.
struct Slots {
    slots: Vec<Slot>,
    /// Slots of each row from left to right.
    rows: Vec<Vec<usize>>,
    /// Upper slot, lower slot, how strongly the two should stand above each other.
    links: Vec<(usize, usize, f64)>,
    /// The slots of each edge in this column.
    chains: HashMap<usize, Vec<usize>>,
    range: Range,
}

impl Slots {
    fn new(drawing: &Drawing, rows: &Rows, sizes: &[(f64, f64)], range: Range) -> Self {
        let mut column = Self {
            slots: Vec::new(),
            rows: vec![Vec::new(); range.len()],
            links: Vec::new(),
            chains: HashMap::new(),
            range: range.clone(),
        };
        let mut slot_of = HashMap::new();
        for (unit, &row) in rows.of_unit.iter().enumerate() {
            if range.contains(&row) {
                slot_of.insert(unit, column.add(row, Some(unit), sizes[unit].0));
            }
        }
        for (index, edge) in drawing.edges.iter().enumerate() {
            let (Some(&from), Some(&to)) = (slot_of.get(&edge.from), slot_of.get(&edge.to)) else {
                continue;
            };
            let mut chain = vec![from];
            for row in rows.of_unit[edge.from] + 1..rows.of_unit[edge.to] {
                chain.push(column.add(row, None, LANE));
            }
            chain.push(to);
            for pair in chain.windows(2) {
                let weight = column.weight(pair[0], pair[1], edge.flow);
                column.links.push((pair[0], pair[1], weight));
            }
            column.chains.insert(index, chain);
        }
        column.sort();
        column
    }

    fn add(&mut self, row: usize, unit: Option<usize>, width: f64) -> usize {
        let x = 0.0;
        self.slots.push(Slot {
            row,
            unit,
            width,
            x,
        });
        self.rows[row - self.range.start].push(self.slots.len() - 1);
        self.slots.len() - 1
    }

    /// Edges that pass rows are kept straight first, then the main path.
    fn weight(&self, upper: usize, lower: usize, flow: Flow) -> f64 {
        match (self.slots[upper].unit, self.slots[lower].unit, flow) {
            (None, None, _) => 8.0,
            (Some(_), Some(_), Flow::Main) => 4.0,
            _ => 0.5,
        }
    }

    /// Puts every row in the order of what is above it; boxes come before passing edges, and otherwise in the order in
    /// which they run.
    fn sort(&mut self) {
        let mut position = vec![0.0; self.slots.len()];
        for row in 0..self.rows.len() {
            let mut order = self.rows[row].clone();
            let center = |slot: usize| {
                let above = self.links.iter().filter(|link| link.1 == slot);
                let places: Vec<f64> = above.map(|link| position[link.0]).collect();
                places.iter().sum::<f64>() / places.len().max(1) as f64
            };
            let key = |slot: usize| (center(slot), self.slots[slot].unit.is_none(), slot);
            order.sort_by(|&a, &b| {
                let (a, b) = (key(a), key(b));
                a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2)))
            });
            for (index, &slot) in order.iter().enumerate() {
                position[slot] = index as f64 - (order.len() - 1) as f64 / 2.0;
            }
            self.rows[row] = order;
        }
    }

    /// Moves every slot towards the slots it is linked with, the order in the rows kept.
    fn align(&mut self) {
        for row in self.rows.clone() {
            self.settle(&row, &vec![0.0; row.len()]);
        }
        for sweep in 0..SWEEPS {
            let mut order: Vec<usize> = (0..self.rows.len()).collect();
            if sweep % 2 == 1 {
                order.reverse();
            }
            for row in order {
                let row = self.rows[row].clone();
                let wanted: Vec<f64> = row.iter().map(|&slot| self.pull(slot)).collect();
                self.settle(&row, &wanted);
            }
        }
    }

    /// The place where a slot would like to be.
    fn pull(&self, slot: usize) -> f64 {
        let mut place = 0.0;
        let mut total = 0.0;
        for &(upper, lower, weight) in &self.links {
            let other = match slot {
                slot if slot == upper => lower,
                slot if slot == lower => upper,
                _ => continue,
            };
            place += weight * self.slots[other].x;
            total += weight;
        }
        if total > 0.0 {
            place / total
        } else {
            self.slots[slot].x
        }
    }

    /// Gives a row the places nearest to `wanted` that do not overlap: an isotonic regression by pooling neighbours.
    fn settle(&mut self, row: &[usize], wanted: &[f64]) {
        let mut offsets = vec![0.0; row.len()];
        for i in 1..row.len() {
            let widths = self.slots[row[i - 1]].width + self.slots[row[i]].width;
            offsets[i] = offsets[i - 1] + widths / 2.0 + GAP;
        }
        // Pools of slots that touch: sum of where they want to be, and how many they are.
        let mut pools: Vec<(f64, usize)> = Vec::new();
        for (wanted, offset) in wanted.iter().zip(&offsets) {
            pools.push((wanted - offset, 1));
            while let [.., a, b] = pools[..]
                && a.0 / a.1 as f64 > b.0 / b.1 as f64
            {
                pools.truncate(pools.len() - 2);
                pools.push((a.0 + b.0, a.1 + b.1));
            }
        }
        let places = pools
            .iter()
            .flat_map(|&(sum, n)| std::iter::repeat_n(sum / n as f64, n));
        for ((&slot, place), offset) in row.iter().zip(places).zip(&offsets) {
            self.slots[slot].x = place + offset;
        }
    }

    /// Writes the column into the layout, right of what is there.
    fn place(mut self, drawing: &Drawing, rows: &Rows, frame_width: f64, layout: &mut Layout) {
        self.align();
        let edge = |side: f64| {
            self.slots
                .iter()
                .map(move |slot| slot.x + side * slot.width / 2.0)
        };
        let (left, right) = (
            edge(-1.0).fold(f64::MAX, f64::min),
            edge(1.0).fold(f64::MIN, f64::max),
        );
        let inset = |group: Option<usize>| {
            group.map_or(0.0, |group| {
                PADDING * (drawing.groups[group].depth + 1) as f64
            })
        };
        let deepest = drawing
            .units
            .iter()
            .map(|unit| inset(unit.group))
            .fold(0.0, f64::max);
        let width = (right - left + 2.0 * deepest).max(frame_width);
        let origin = layout.width + width / 2.0 - (left + right) / 2.0;

        let mut tops = Vec::new();
        let mut y = MARGIN + TITLE;
        for row in self.range.clone() {
            y += rows.above(row);
            tops.push(y);
            y += rows.heights[row] + rows.below(row) + ROW_GAP;
        }
        layout.height = layout.height.max(y - ROW_GAP);
        let middle = |row: usize| tops[row - self.range.start] + rows.heights[row] / 2.0;

        for slot in &self.slots {
            if let Some(unit) = slot.unit {
                let size = layout.boxes[unit];
                layout.boxes[unit] = Rect {
                    x: origin + slot.x - slot.width / 2.0,
                    y: middle(slot.row) - size.height / 2.0,
                    width: slot.width,
                    height: size.height,
                };
            }
        }
        self.place_frames(drawing, rows, layout, &tops, width);
        for (&edge, chain) in &self.chains {
            let points = chain[1..chain.len() - 1].iter().flat_map(|&slot| {
                let slot = &self.slots[slot];
                let (top, height) = (tops[slot.row - self.range.start], rows.heights[slot.row]);
                let x = origin + slot.x;
                [Point { x, y: top }, Point { x, y: top + height }]
            });
            layout.routes[edge] = points.collect();
        }
        layout.width += width + GUTTER;
    }

    fn place_frames(
        &self,
        drawing: &Drawing,
        rows: &Rows,
        layout: &mut Layout,
        tops: &[f64],
        width: f64,
    ) {
        for (index, group) in drawing.groups.iter().enumerate() {
            let (first, last) = rows.spans[index];
            if !self.range.contains(&first) {
                continue;
            }
            let starts_inside = |other: &(usize, &(usize, usize))| {
                let parents = is_inside(drawing, Some(other.0), index);
                parents && other.0 != index
            };
            let spans = || rows.spans.iter().enumerate().filter(starts_inside);
            let headings = spans().filter(|(_, span)| span.0 == first).count() as f64 + 1.0;
            let ends = spans().filter(|(_, span)| span.1 == last).count() as f64 + 1.0;
            let top = tops[first - self.range.start] - HEADING * headings;
            let bottom = tops[last - self.range.start] + rows.heights[last] + PADDING * ends;
            let inset = PADDING * group.depth as f64;
            layout.frames[index] = Rect {
                x: layout.width + inset,
                y: top,
                width: width - 2.0 * inset,
                height: bottom - top,
            };
        }
    }
}

/// Leads the edge between two columns down, through the gutter and up again.
fn join_columns(drawing: &Drawing, rows: &Rows, columns: &[Range], layout: &mut Layout) {
    let [first, second] = columns else { return };
    for (index, edge) in drawing.edges.iter().enumerate() {
        let (from, to) = (rows.of_unit[edge.from], rows.of_unit[edge.to]);
        if !(first.contains(&from) && second.contains(&to)) {
            continue;
        }
        let (source, target) = (layout.boxes[edge.from], layout.boxes[edge.to]);
        let in_second = |unit: usize| second.contains(&rows.of_unit[unit]);
        let boxes = (0..layout.boxes.len()).filter(|&unit| in_second(unit));
        let frames =
            (0..layout.frames.len()).filter(|&group| second.contains(&rows.spans[group].0));
        let left = boxes
            .map(|unit| layout.boxes[unit].x)
            .chain(frames.map(|group| layout.frames[group].x))
            .fold(f64::MAX, f64::min);
        let gutter = left - GUTTER / 2.0;
        let below = source.bottom() + rows.below(from) + ROW_GAP / 2.0;
        let above = target.y - rows.above(to) - ROW_GAP / 2.0;
        layout.routes[index] = vec![
            Point {
                x: source.center(),
                y: below,
            },
            Point {
                x: gutter,
                y: below,
            },
            Point {
                x: gutter,
                y: above,
            },
            Point {
                x: target.center(),
                y: above,
            },
        ];
        layout.height = layout.height.max(below + MARGIN);
    }
}
