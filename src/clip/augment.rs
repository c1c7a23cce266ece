//! Frames as training varies them.

use super::crops::mirror;
use super::resample::{self, Region};
use super::rgb::Rgb;
use crate::recipe::{Augmentation, CHANNELS, FRAME_SIZE, Rectangle};

/// The part of a frame that `augmentation` looks at, in the size of the network's input: RGB, `[224, 224, 3]`. The resize is
/// Pillow's bilinear one, of the part by itself: no pixel beside it counts.
pub fn augment(frame: Rgb<'_>, augmentation: Augmentation) -> Vec<u8> {
    let Rectangle {
        left,
        top,
        width,
        height,
    } = augmentation.part(frame.width, frame.height);
    let rows = frame.pixels.chunks_exact(frame.width * CHANNELS);
    let rows = rows.skip(top).take(height);
    let pixels: Vec<u8> = rows
        .flat_map(|row| &row[left * CHANNELS..(left + width) * CHANNELS])
        .copied()
        .collect();
    let part = Rgb {
        pixels: &pixels,
        width,
        height,
    };
    let whole = Region {
        left: 0,
        top: 0,
        width: FRAME_SIZE,
        height: FRAME_SIZE,
    };
    let resized = resample::resize_region(part, (FRAME_SIZE, FRAME_SIZE), whole);
    match augmentation.is_mirrored {
        true => mirror(&resized),
        false => resized,
    }
}
