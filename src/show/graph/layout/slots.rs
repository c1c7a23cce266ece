//! Where in its row each box stands, and each edge that passes the row.

use std::collections::HashMap;

use super::rows::{Range, Rows, is_inside};
use super::{BEND, FOOT, GUTTER, HEADING, Layout, MARGIN, PADDING, Point, ROW_GAP, Rect, TITLE};
use crate::show::graph::drawing::{Drawing, Edge, Flow};

/// Between two things in a row.
const GAP: f64 = 14.0;
/// Room that an edge needs which passes a row.
const LANE: f64 = 12.0;
/// How often the rows are pulled towards their neighbours; more changes nothing that can be seen.
const SWEEPS: usize = 1000;

/// A box, or the place where an edge passes a row.
struct Slot {
    row: usize,
    unit: Option<usize>,
    width: f64,
    x: f64,
}

/// How strongly the two slots of a piece of `edge`, which leads from slot `ends.0` to `ends.1`, should stand above each
/// other: a path is straight until it splits or joins, and what splits or joins stands in the middle of its branches.
fn weight(drawing: &Drawing, edge: &Edge, piece: (usize, usize), ends: (usize, usize)) -> f64 {
    if edge.flow == Flow::Shortcut {
        let is_end = piece.0 == ends.0 || piece.1 == ends.1;
        return if is_end { BESIDE } else { 100.0 * BESIDE };
    }
    let main = || {
        drawing
            .edges
            .iter()
            .filter(|other| other.flow == Flow::Main)
    };
    let splits = piece.0 == ends.0 && main().filter(|other| other.from == edge.from).count() > 1;
    let joins = piece.1 == ends.1 && main().filter(|other| other.to == edge.to).count() > 1;
    if splits || joins { 1.0 } else { 100.0 }
}

/// The pull of what passes beside the main path, too weak to bend it.
const BESIDE: f64 = 1e-4;

/// All slots of a column and what connects them.
pub struct Slots {
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
    /// The slots of the rows `range`, in the order in which they stand.
    pub fn new(drawing: &Drawing, rows: &Rows, sizes: &[(f64, f64)], range: Range) -> Self {
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
                let weight = weight(drawing, edge, (pair[0], pair[1]), (from, to));
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

    /// Puts every row in the order of what is above it; boxes of the main path come before what passes beside them, and
    /// otherwise in the order in which they run.
    fn sort(&mut self) {
        let mut position = vec![0.0; self.slots.len()];
        for row in 0..self.rows.len() {
            let mut order = self.rows[row].clone();
            let center = |slot: usize| {
                let above = self.links.iter().filter(|link| link.1 == slot);
                let places: Vec<f64> = above.map(|link| position[link.0]).collect();
                places.iter().sum::<f64>() / places.len().max(1) as f64
            };
            let is_beside = |slot: usize| {
                let shortcuts = self
                    .links
                    .iter()
                    .filter(|link| link.1 == slot && link.2 < 1.0);
                self.slots[slot].unit.is_none() || shortcuts.count() > 0
            };
            let key = |slot: usize| (center(slot), is_beside(slot), slot);
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
        self.straighten();
    }

    /// Takes the last small kinks out of edges that pass rows.
    fn straighten(&mut self) {
        for chain in self.chains.values() {
            let passing = &chain[1..chain.len() - 1];
            let places = || passing.iter().map(|&slot| self.slots[slot].x);
            let (least, most) = (
                places().fold(f64::MAX, f64::min),
                places().fold(f64::MIN, f64::max),
            );
            if most - least < GAP / 2.0 {
                for &slot in passing {
                    self.slots[slot].x = f64::midpoint(least, most);
                }
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

    /// How much a slot matters to its row.
    fn strength(&self, slot: usize) -> f64 {
        let above = self.links.iter().filter(|link| link.1 == slot);
        let strongest = above.map(|link| link.2).reduce(f64::max);
        // What nothing leads to is the beginning of the main path.
        strongest.map_or(1.0, |weight| weight.min(1.0))
    }

    /// Gives a row the places nearest to `wanted` that do not overlap: an isotonic regression by pooling neighbours.
    fn settle(&mut self, row: &[usize], wanted: &[f64]) {
        let mut offsets = vec![0.0; row.len()];
        for i in 1..row.len() {
            let widths = self.slots[row[i - 1]].width + self.slots[row[i]].width;
            offsets[i] = offsets[i - 1] + widths / 2.0 + GAP;
        }
        // Pools of slots that touch: what they want, weighed, their weight, and how many they are.
        let mut pools: Vec<(f64, f64, usize)> = Vec::new();
        for ((&slot, wanted), offset) in row.iter().zip(wanted).zip(&offsets) {
            let strength = self.strength(slot);
            pools.push((strength * (wanted - offset), strength, 1));
            while let [.., a, b] = pools[..]
                && a.0 / a.1 > b.0 / b.1
            {
                pools.truncate(pools.len() - 2);
                pools.push((a.0 + b.0, a.1 + b.1, a.2 + b.2));
            }
        }
        let places = pools
            .iter()
            .flat_map(|&(sum, weight, n)| std::iter::repeat_n(sum / weight, n));
        for ((&slot, place), offset) in row.iter().zip(places).zip(&offsets) {
            self.slots[slot].x = place + offset;
        }
    }

    /// Writes the column into the layout, right of what is there.
    pub fn place(mut self, drawing: &Drawing, rows: &Rows, frame_width: f64, layout: &mut Layout) {
        self.align();
        let side = |sign: f64| {
            let slots = self.slots.iter();
            slots.map(move |slot| slot.x + sign * slot.width / 2.0)
        };
        // Headings stand on both sides of the main path, which begins with the first box.
        let (axis, half) = (self.slots[0].x, frame_width / 2.0);
        let left = side(-1.0).fold(axis - half, f64::min);
        let right = side(1.0).fold(axis + half, f64::max);
        let inset = |group: Option<usize>| {
            let depth = group.map_or(0, |group| drawing.groups[group].depth + 1);
            PADDING * depth as f64
        };
        let insets = drawing.units.iter().map(|unit| inset(unit.group));
        let width = right - left + 2.0 * insets.fold(0.0, f64::max);
        let origin = layout.width + width / 2.0 - f64::midpoint(left, right);

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
            let mut points = Vec::new();
            for pair in chain.windows(2) {
                let (slot, next) = (&self.slots[pair[0]], &self.slots[pair[1]]);
                let x = origin + slot.x;
                if slot.unit.is_none() {
                    points.push(Point {
                        x,
                        y: tops[slot.row - self.range.start],
                    });
                }
                let bend = tops[next.row - self.range.start] - BEND;
                points.push(Point { x, y: bend });
            }
            layout.routes[edge] = points;
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
            let top = tops[first - self.range.start] - BEND - HEADING * headings;
            let bottom = tops[last - self.range.start] + rows.heights[last] + FOOT * ends;
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
