//! Where the boxes of a drawing stand: layers from top to bottom, as in Sugiyama, Tagawa and Toda, "Methods for Visual
//! Understanding of Hierarchical System Structures" (1981), in one or two columns.

mod rows;
mod slots;

use super::drawing::Drawing;
use rows::{Range, Rows, columns};
use slots::Slots;

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
const ROW_GAP: f64 = 30.0;
/// The part of it above a row in which edges swerve.
const BEND: f64 = 17.0;
/// Frames: room for a heading, at the sides, and below, where the label of the last value stands.
const HEADING: f64 = 24.0;
const PADDING: f64 = 10.0;
const FOOT: f64 = 16.0;
/// Between two columns.
const GUTTER: f64 = 56.0;

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

impl Layout {
    /// Makes the picture at least this wide, its content in the middle.
    fn widen(&mut self, width: f64) {
        let room = (width - self.width).max(0.0);
        self.width += room;
        let places = self.boxes.iter_mut().chain(&mut self.frames);
        places.for_each(|place| place.x += room / 2.0);
        let points = self.routes.iter_mut().flatten();
        points.for_each(|point| point.x += room / 2.0);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;
    use crate::show::graph::drawing::Flow;

    fn drawing(depth: Option<usize>) -> Drawing {
        let graph = Network::new(400, 16).unwrap().graph(1).unwrap();
        Drawing::new(&graph, depth)
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
            let is_inside = |(unit, _): (&crate::show::graph::drawing::Unit, Rect)| {
                unit.name.starts_with("eco_3d.res")
            };
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
