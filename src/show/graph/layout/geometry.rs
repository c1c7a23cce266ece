//! Coordinates: the finished layout, and the room between its parts.

/// A drawing with coordinates, in pixels from the top left.
#[derive(Debug)]
pub(crate) struct Layout {
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

impl Layout {
    /// Widens the picture to at least `width` and centres its content.
    pub(crate) fn widen(&mut self, width: f64) {
        let room = (width - self.width).max(0.0);
        self.width += room;
        let places = self.boxes.iter_mut().chain(&mut self.frames);
        places.for_each(|place| place.x += room / 2.0);
        let points = self.routes.iter_mut().flatten();
        points.for_each(|point| point.x += room / 2.0);
    }
}

/// A place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// A rectangle.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Rect {
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
    pub(crate) fn center(&self) -> f64 {
        self.x + self.width / 2.0
    }

    /// The lower side.
    pub(crate) fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// The right side.
    pub(crate) fn right(&self) -> f64 {
        self.x + self.width
    }
}

/// Room around a picture.
pub(super) const MARGIN: f64 = 20.0;
/// Room above it for a title.
pub(super) const TITLE: f64 = 44.0;
/// Between two rows of boxes: room for an edge and its label.
pub(super) const ROW_GAP: f64 = 30.0;
/// The part of that gap in which edges bend.
pub(super) const BEND: f64 = 17.0;
/// Room for the heading of a frame.
pub(super) const HEADING: f64 = 24.0;
/// Room at the sides of a frame.
pub(super) const PADDING: f64 = 10.0;
/// Room at the bottom of a frame, for the shape of its last value.
pub(super) const FOOT: f64 = 16.0;
/// Between two edges side by side in that room, or in a gutter.
pub(super) const LANE: f64 = 7.0;
/// Between two columns.
pub(super) const GUTTER: f64 = 56.0;
