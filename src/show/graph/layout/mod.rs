//! Positions of the boxes of a drawing: layers from top to bottom, as in Sugiyama, Tagawa and Toda, "Methods for Visual
//! Understanding of Hierarchical System Structures" (1981), in one column or more.

mod columns;
mod geometry;
mod place;
mod rows;
mod slots;

use super::drawing::Drawing;
use columns::columns;
use geometry::{GUTTER, LANE, MARGIN, ROW_GAP};
pub(super) use geometry::{Layout, Point, Rect};
use rows::Rows;
use slots::Slots;

/// Lays out a drawing whose boxes have these widths and heights, whose frames need `frame_width` for their headings, and
/// whose title needs `title_width`.
pub(super) fn layout(
    drawing: &Drawing,
    sizes: &[(f64, f64)],
    frame_width: f64,
    title_width: f64,
) -> Layout {
    let columns: Vec<Rows> = columns(drawing, sizes)
        .iter()
        .map(|units| Rows::new(drawing, sizes, units))
        .collect();
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
    for rows in &columns {
        let slots = Slots::new(drawing, rows, sizes);
        slots.place(drawing, rows, frame_width, &mut layout);
    }
    layout.width += MARGIN - GUTTER;
    layout.height += MARGIN;
    for column in 1..columns.len() {
        join(drawing, &columns, column, &mut layout);
    }
    layout.widen(title_width + 2.0 * MARGIN);
    layout
}

/// Routes the edges that come into a column from earlier ones: down, through the gutter before the column, and up or down
/// again. Edges keep apart from each other and do not cross where they can.
fn join(drawing: &Drawing, columns: &[Rows], column: usize, layout: &mut Layout) {
    let rows = &columns[column];
    let source_rows = |unit: usize| columns.iter().find(|rows| rows.units.contains(&unit));
    let edges = drawing.edges.iter().enumerate();
    let mut entering: Vec<(usize, &Rows, usize, usize)> = edges
        .filter(|(_, edge)| rows.units.contains(&edge.to) && !rows.units.contains(&edge.from))
        .filter_map(|(index, edge)| Some((index, source_rows(edge.from)?, edge.from, edge.to)))
        .collect();
    // The leftmost in the gutter goes highest, and farthest to the right.
    entering.sort_by(|a, b| {
        let place = |to: usize| (rows.of_unit[to], -layout.boxes[to].center());
        let (a, b) = (place(a.3), place(b.3));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let boxes = rows.units.iter().map(|&unit| layout.boxes[unit].x);
    let frames = rows.spans.iter().zip(&layout.frames);
    let frames = frames.filter_map(|(span, frame)| span.map(|_| frame.x));
    let gutter = boxes.chain(frames).fold(f64::MAX, f64::min) - GUTTER / 2.0;
    // The place of an edge among those for which `alike` holds, as a distance from their middle.
    let lane = |at: usize, alike: &dyn Fn(usize) -> bool| {
        let before = (0..at).filter(|&other| alike(other)).count() as f64;
        let all = (0..entering.len()).filter(|&other| alike(other)).count() as f64;
        LANE * (before - (all - 1.0) / 2.0)
    };
    for (at, &(index, from_rows, from, to)) in entering.iter().enumerate() {
        let (source, target) = (layout.boxes[from], layout.boxes[to]);
        let (from_row, to_row) = (from_rows.of_unit[from], rows.of_unit[to]);
        let leaves_alike = |other: usize| {
            let (_, other_rows, unit, _) = entering[other];
            std::ptr::eq(other_rows, from_rows) && other_rows.of_unit[unit] == from_row
        };
        let enters_alike = |other: usize| rows.of_unit[entering[other].3] == to_row;
        // Boxes stand in the middle of their rows.
        let bottom = source.y + (source.height + from_rows.heights[from_row]) / 2.0;
        let top = target.y + (target.height - rows.heights[to_row]) / 2.0;
        let below = bottom + from_rows.below(from_row) + ROW_GAP / 2.0 + lane(at, &leaves_alike);
        let above = top - rows.above(to_row) - ROW_GAP / 2.0 + lane(at, &enters_alike);
        let x = gutter + lane(at, &|_| true);
        layout.routes[index] = [
            (source.center(), below),
            (x, below),
            (x, above),
            (target.center(), above),
        ]
        .map(|(x, y)| Point { x, y })
        .to_vec();
        layout.height = layout.height.max(below + MARGIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;
    use crate::recipe::Architecture;
    use crate::show::graph::drawing::{self, Flow, Unit};

    fn drawing(architecture: Architecture, depth: Option<usize>) -> Drawing {
        let graph = Network::new(architecture, 400, 16)
            .unwrap()
            .graph(1)
            .unwrap();
        drawing::drawing(&graph, depth)
    }

    fn overlap(a: &Rect, b: &Rect) -> bool {
        a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom()
    }

    #[test]
    fn boxes_stand_apart_and_inside_their_frames() {
        let depths = [None, Some(1), Some(2), Some(3)].into_iter();
        let cases =
            depths.flat_map(|depth| Architecture::ALL.map(|architecture| (architecture, depth)));
        for (architecture, depth) in cases {
            let drawing = drawing(architecture, depth);
            let sizes = vec![(150.0, 40.0); drawing.units.len()];
            let layout = layout(&drawing, &sizes, 300.0, 600.0);
            let picture = Rect {
                x: 0.0,
                y: 0.0,
                width: layout.width,
                height: layout.height,
            };
            let contains = |outer: &Rect, inner: &Rect| {
                outer.x <= inner.x
                    && outer.y <= inner.y
                    && outer.right() >= inner.right()
                    && outer.bottom() >= inner.bottom()
            };
            for (index, (unit, place)) in drawing.units.iter().zip(&layout.boxes).enumerate() {
                assert!(contains(&picture, place));
                if let Some(group) = unit.group {
                    assert!(contains(&layout.frames[group], place), "{}", unit.name);
                }
                for (other, beside) in drawing.units.iter().zip(&layout.boxes).skip(index + 1) {
                    assert!(!overlap(place, beside), "{} and {}", unit.name, other.name);
                }
            }
            for (group, frame) in drawing.groups.iter().zip(&layout.frames) {
                if let Some(parent) = group.parent {
                    assert!(contains(&layout.frames[parent], frame), "{}", group.path);
                }
                for (other, beside) in drawing.groups.iter().zip(&layout.frames) {
                    let is_sibling = other.parent == group.parent && other.path != group.path;
                    assert!(
                        !is_sibling || !overlap(frame, beside),
                        "{} and {}",
                        group.path,
                        other.path
                    );
                }
            }
        }
    }

    #[test]
    fn the_main_path_of_a_residual_block_is_straight() {
        let drawing = drawing(Architecture::Lite, None);
        let sizes = vec![(150.0, 40.0); drawing.units.len()];
        let layout = layout(&drawing, &sizes, 300.0, 600.0);
        for edge in drawing.edges.iter().filter(|edge| edge.flow == Flow::Main) {
            let [from, to] =
                [edge.from, edge.to].map(|unit| (&drawing.units[unit], layout.boxes[unit]));
            let is_inside = |(unit, _): (&Unit, Rect)| unit.name.starts_with("eco_3d.res");
            if is_inside(from) && is_inside(to) {
                assert!(
                    (from.1.center() - to.1.center()).abs() < 1.0,
                    "{} to {}",
                    from.0.name,
                    to.0.name
                );
            }
        }
    }
}
