//! Frames as the stem reads them.

use crate::recipe::{CHANNELS, FRAME_SIZE};

const SIDE: usize = FRAME_SIZE;
const COLOURS: usize = CHANNELS;
/// Zeros around it.
const PAD: usize = 3;
/// Rows and columns after padding and 2x2 space-to-depth.
pub(super) const DEPTH_SIDE: usize = (SIDE + 2 * PAD) / 2;
/// Channels there, of which the last four stay zero.
pub(super) const DEPTH_CHANNELS: usize = 16;
/// Floats there.
pub(super) const DEPTH_FRAME: usize = DEPTH_SIDE * DEPTH_SIDE * DEPTH_CHANNELS;

/// Pads a frame and lays 2x2 squares into channels: pixel `[2i + p, 2j + q]` of colour `c` becomes channel
/// `(2p + q) * 3 + c` of pixel `[i, j]`. What is padding in `to` is left alone.
///
/// # Panics
/// When they are no frame and no image of these sizes.
pub(super) fn space_to_depth(frame: &[f32], to: &mut [f32]) {
    let (colours, rest) = frame.as_chunks::<{ SIDE * SIDE }>();
    assert!(colours.len() == COLOURS && rest.is_empty() && to.len() == DEPTH_FRAME);
    let (pixels, _) = to.as_chunks_mut::<DEPTH_CHANNELS>();
    for y in 0..SIDE {
        let [red, green, blue] = [0, 1, 2].map(|c| &colours[c][y * SIDE..][..SIDE]);
        let (row, p) = ((y + PAD) / 2, (y + PAD) % 2);
        let pixels = &mut pixels[row * DEPTH_SIDE..][..DEPTH_SIDE];
        let at = 2 * COLOURS * p;
        // The padding is odd: a line's first and last value have a square of their own.
        let (first, last) = (PAD / 2, (SIDE - 1 + PAD) / 2);
        pixels[first][at + COLOURS..][..COLOURS].copy_from_slice(&[red[0], green[0], blue[0]]);
        let end = SIDE - 1;
        pixels[last][at..][..COLOURS].copy_from_slice(&[red[end], green[end], blue[end]]);
        let [red, green, blue] = [red, green, blue].map(|line| line[1..end].as_chunks::<2>().0);
        for (((pixel, r), g), b) in pixels[first + 1..].iter_mut().zip(red).zip(green).zip(blue) {
            pixel[at..][..2 * COLOURS].copy_from_slice(&[r[0], g[0], b[0], r[1], g[1], b[1]]);
        }
    }
}
