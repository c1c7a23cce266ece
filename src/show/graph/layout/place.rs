//! From slots to coordinates.

use super::geometry::{
    BEND, FOOT, GUTTER, HEADING, Layout, MARGIN, PADDING, Point, ROW_GAP, Rect, TITLE,
};
use super::rows::{Rows, is_inside};
use super::slots::Slots;
use crate::show::graph::drawing::Drawing;

impl Slots {
    /// Adds the column to the layout, to the right of earlier columns.
    pub(super) fn place(
        mut self,
        drawing: &Drawing,
        rows: &Rows,
        frame_width: f64,
        layout: &mut Layout,
    ) {
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
        for row in 0..rows.heights.len() {
            y += rows.above(row);
            tops.push(y);
            y += rows.heights[row] + rows.below(row) + ROW_GAP;
        }
        layout.height = layout.height.max(y - ROW_GAP);
        let middle = |row: usize| tops[row] + rows.heights[row] / 2.0;

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
                        y: tops[slot.row],
                    });
                }
                let bend = tops[next.row] - BEND;
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
            let Some((first, last)) = rows.spans[index] else {
                continue;
            };
            let starts_inside = |other: &(usize, (usize, usize))| {
                let parents = is_inside(drawing, Some(other.0), index);
                parents && other.0 != index
            };
            let spans = || {
                let spans = rows.spans.iter().enumerate();
                let here = spans.filter_map(|(other, span)| Some((other, (*span)?)));
                here.filter(starts_inside)
            };
            let headings = spans().filter(|(_, span)| span.0 == first).count() as f64 + 1.0;
            let ends = spans().filter(|(_, span)| span.1 == last).count() as f64 + 1.0;
            let top = tops[first] - BEND - HEADING * headings;
            let bottom = tops[last] + rows.heights[last] + FOOT * ends;
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
