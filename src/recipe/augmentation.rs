//! How clips are varied in training.

use serde::{Deserialize, Serialize};

use super::FRAME_SIZE;
use crate::random::Draws;

/// Shares of the shorter side that a crop's sides may have.
const SCALES: [f64; 4] = [1.0, 0.875, 0.75, 0.66];
/// How far the scales of a crop's two sides may lie apart in [`SCALES`].
const MOST_DISTORTED: usize = 1;
/// A side that is as close as this to the input's is taken for it, so that nothing is resized for a pixel or two.
const AS_GOOD: usize = 2;
/// Where a crop may lie, in quarters of the room to the left of it and above it: the corners, the centre, the middles of the
/// edges, and half-way between centre and corners.
const PLACES: [(usize, usize); 13] = [
    (0, 0),
    (4, 0),
    (0, 4),
    (4, 4),
    (2, 2),
    (0, 2),
    (4, 2),
    (2, 4),
    (2, 0),
    (1, 1),
    (3, 1),
    (1, 3),
    (3, 3),
];

/// A part of a frame, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rectangle {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// One variation of a clip, the same for all of its frames: which part of them is looked at, and whether it is mirrored. The
/// part is resized to the input's size, whatever its shape.
///
/// Source: mzolfaghari/ECO-pytorch @ b175e7c, transforms.py, `GroupMultiScaleCrop` with `more_fix_crop`; models.py,
/// `get_augmentation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Places of the scales of height and width.
    scales: (usize, usize),
    place: usize,
    /// Whether left and right are swapped.
    pub is_mirrored: bool,
}

impl Augmentation {
    /// A variation, each as likely as the others; mirrored half of the time if `mirrors`.
    pub fn draw(mirrors: bool, draws: &mut Draws) -> Self {
        let pairs: Vec<(usize, usize)> = pairs().collect();
        Self {
            scales: pairs[draws.below(pairs.len())],
            place: draws.below(PLACES.len()),
            is_mirrored: draws.below(2) == 1 && mirrors,
        }
    }

    /// The part of a frame of this size.
    pub fn part(&self, width: usize, height: usize) -> Rectangle {
        let shorter = width.min(height);
        let side = |scale: usize| {
            let side = (shorter as f64 * SCALES[scale]) as usize;
            match side.abs_diff(FRAME_SIZE) {
                0..=AS_GOOD => FRAME_SIZE.min(shorter),
                _ => side.max(1),
            }
        };
        let (tall, wide) = (side(self.scales.0), side(self.scales.1));
        let (across, down) = PLACES[self.place];
        Rectangle {
            left: across * ((width - wide) / 4),
            top: down * ((height - tall) / 4),
            width: wide,
            height: tall,
        }
    }

    /// Every variation: ten shapes at thirteen places, as they are and mirrored.
    pub fn all() -> impl Iterator<Item = Self> {
        pairs().flat_map(|scales| {
            (0..PLACES.len()).flat_map(move |place| {
                [false, true].map(|is_mirrored| Self {
                    scales,
                    place,
                    is_mirrored,
                })
            })
        })
    }
}

/// Scales of height and width that go together.
fn pairs() -> impl Iterator<Item = (usize, usize)> {
    let all = (0..SCALES.len()).flat_map(|tall| (0..SCALES.len()).map(move |wide| (tall, wide)));
    all.filter(|(tall, wide)| tall.abs_diff(*wide) <= MOST_DISTORTED)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_are_ten_shapes_at_thirteen_places() {
        assert_eq!(Augmentation::all().count(), 10 * 13 * 2);
        let parts: HashSet<_> = Augmentation::all()
            .map(|augmentation| {
                let Rectangle {
                    left,
                    top,
                    width,
                    height,
                } = augmentation.part(340, 256);
                assert!(left + width <= 340 && top + height <= 256);
                (left, top, width, height)
            })
            .collect();
        // Where a side is as long as the frame, places coincide.
        let shapes: HashSet<_> = parts.iter().map(|part| (part.2, part.3)).collect();
        assert_eq!(shapes.len(), 10);
        assert!(shapes.contains(&(256, FRAME_SIZE)) && shapes.contains(&(168, 168)));
        assert!(parts.contains(&(3 * ((340 - 192) / 4), (256 - 168) / 4, 192, 168)));
    }

    #[test]
    fn small_frames_have_parts_too() {
        for (width, height) in [(1, 1), (2, 300), (224, 223), (225, 226)] {
            for augmentation in Augmentation::all() {
                let part = augmentation.part(width, height);
                assert!(part.width >= 1 && part.left + part.width <= width);
                assert!(part.height >= 1 && part.top + part.height <= height);
            }
        }
    }

    #[test]
    fn every_variation_is_drawn_and_mirrored_ones_only_when_asked_for() {
        let drawn = |mirrors| -> HashSet<String> {
            let mut draws = Draws::new(5, &[]);
            let one = |_| format!("{:?}", Augmentation::draw(mirrors, &mut draws));
            (0..5000).map(one).collect()
        };
        assert_eq!(drawn(true).len(), 260);
        assert_eq!(drawn(false).len(), 130);
    }
}
