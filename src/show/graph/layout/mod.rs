//! Positions of the boxes of a drawing: layers from top to bottom, as in Sugiyama, Tagawa and Toda, "Methods for Visual
//! Understanding of Hierarchical System Structures" (1981), in one or two columns.

mod geometry;
mod place;
mod rows;
mod slots;

use super::drawing::Drawing;
use geometry::{GUTTER, MARGIN, ROW_GAP};
pub use geometry::{Layout, Point, Rect};
use rows::{Range, Rows, columns};
use slots::Slots;

/// Lays out a drawing whose boxes have these widths and heights, whose frames need `frame_width` for their headings, and
/// whose title needs `title_width`.
pub fn layout(
    drawing: &Drawing,
    sizes: &[(f64, f64)],
    frame_width: f64,
    title_width: f64,
) -> Layout {
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
    layout.widen(title_width + 2.0 * MARGIN);
    layout
}

/// Routes the edge between two columns down, through the gutter and up again.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;
    use crate::recipe::Architecture;
    use crate::show::graph::drawing::{self, Flow, Unit};

    fn drawing(depth: Option<usize>) -> Drawing {
        let graph = Network::new(Architecture::Lite, 400, 16)
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
        for depth in [None, Some(1), Some(2), Some(3)] {
            let drawing = drawing(depth);
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
            }
        }
    }

    #[test]
    fn the_main_path_of_a_residual_block_is_straight() {
        let drawing = drawing(None);
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
