//! The position of each box, and of each edge that passes a row, within its row.

use std::collections::HashMap;

use super::rows::Rows;
use crate::show::graph::drawing::{Drawing, Edge, Flow};

/// Between two things in a row.
const GAP: f64 = 14.0;
/// Width kept for an edge that passes a row.
const LANE: f64 = 12.0;
/// Passes over all rows, each pulling slots towards their neighbours. More passes make no visible difference.
const SWEEPS: usize = 1000;

/// A box, or the place where an edge passes a row.
pub(super) struct Slot {
    pub row: usize,
    /// The box; `None` for an edge that passes.
    pub unit: Option<usize>,
    pub width: f64,
    /// Its middle.
    pub x: f64,
}

/// How strongly the two slots of `piece` want to be vertically aligned; `piece` is a part of `edge`, which leads from slot
/// `ends.0` to `ends.1`. Strong links keep a path straight until it splits or joins; weak links let a box that splits or joins
/// settle in the middle of its branches.
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

/// The pull of shortcuts, too weak to bend the main path.
const BESIDE: f64 = 1e-4;

/// All slots of a column and what connects them.
pub(super) struct Slots {
    pub slots: Vec<Slot>,
    /// Slots of each row from left to right.
    rows: Vec<Vec<usize>>,
    /// Upper slot, lower slot, and how strongly the two want to be aligned.
    links: Vec<(usize, usize, f64)>,
    /// The slots of each edge in this column.
    pub chains: HashMap<usize, Vec<usize>>,
}

impl Slots {
    /// The slots of a column, ordered within each row.
    pub(super) fn new(drawing: &Drawing, rows: &Rows, sizes: &[(f64, f64)]) -> Self {
        let mut column = Self {
            slots: Vec::new(),
            rows: vec![Vec::new(); rows.heights.len()],
            links: Vec::new(),
            chains: HashMap::new(),
        };
        let mut slot_of = HashMap::new();
        for &unit in &rows.units {
            let row = rows.of_unit[unit];
            slot_of.insert(unit, column.add(row, Some(unit), sizes[unit].0));
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
        self.rows[row].push(self.slots.len() - 1);
        self.slots.len() - 1
    }

    /// Orders every row by the positions of the slots above. At equal positions, boxes of the main path come before edges and
    /// shortcuts, then whatever runs first.
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

    /// Moves every slot towards the slots it is linked to, without changing the order within rows.
    pub(super) fn align(&mut self) {
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

    /// Straightens edges that are almost straight.
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

    /// The weighted mean position of the slots that a slot is linked to.
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

    /// The weight of a slot when its row is settled.
    fn strength(&self, slot: usize) -> f64 {
        let above = self.links.iter().filter(|link| link.1 == slot);
        let strongest = above.map(|link| link.2).reduce(f64::max);
        // What nothing leads to is the beginning of the main path.
        strongest.map_or(1.0, |weight| weight.min(1.0))
    }

    /// Moves the slots of a row as close to `wanted` as possible without overlap: isotonic regression by pooling adjacent
    /// violators.
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
}
