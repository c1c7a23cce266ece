//! Frames as the stem reads them.

use super::numbers::word;
use crate::engine::cpu::simd::{Isa, Simd, WithSimd};
use crate::recipe::{CHANNELS, FRAME_SIZE};

const SIDE: usize = FRAME_SIZE;
/// Zeros around it.
const PAD: usize = 3;
/// Words of a pixel: red and green, blue and nothing.
pub(super) const PIXEL: usize = 2;
/// Words from a row to the next: whole lines, and no less than what a tap reads of the last pixels.
pub(super) const PITCH: usize = ((SIDE + 2 * PAD) * PIXEL).next_multiple_of(16);
/// Numbers of a step.
const STEP: usize = 32;
/// Words of an image.
pub(super) const WORDS: usize = (SIDE + 2 * PAD) * PITCH;

/// Rows and columns of the stem's filters.
pub(super) const TAPS: usize = 7;

/// The stem's filters, `[output][colour][row][column]`, as those of 32 inputs and a column of taps: a row of the image that lies
/// under a filter is one step.
pub(super) fn regrouped(filters: &[f32]) -> Vec<f32> {
    let outputs = filters.len() / (CHANNELS * TAPS * TAPS);
    let mut regrouped = vec![0.0; outputs * STEP * TAPS];
    for (row, line) in filters.chunks_exact(TAPS).enumerate() {
        let (filter, y) = (row / TAPS, row % TAPS);
        let (output, colour) = (filter / CHANNELS, filter % CHANNELS);
        for (x, &weight) in line.iter().enumerate() {
            // Of the numbers of a step, the lower halves of its words come first.
            let number = PIXEL * x + colour / 2 + colour % 2 * STEP / 2;
            regrouped[(output * STEP + number) * TAPS + y] = weight;
        }
    }
    regrouped
}

/// Rounds a frame, `[3, 224, 224]`, and lays its colours side by side. The padding of `to` is left alone.
///
/// # Panics
/// When they are no frame and no image of these sizes.
pub(super) fn interleave(isa: Isa, frame: &[f32], to: &mut [f32]) {
    assert!(frame.len() == CHANNELS * SIDE * SIDE && to.len() == WORDS);
    let (red, rest) = frame.split_at(SIDE * SIDE);
    let (green, blue) = rest.split_at(SIDE * SIDE);
    let colours = red
        .chunks_exact(SIDE)
        .zip(green.chunks_exact(SIDE).zip(blue.chunks_exact(SIDE)));
    let rows = to.chunks_exact_mut(PITCH).skip(PAD);
    for (row, (red, (green, blue))) in rows.zip(colours) {
        let pixels = &mut row[PAD * PIXEL..][..SIDE * PIXEL];
        isa.run(Row {
            pixels,
            colours: [red, green, blue],
        });
    }
}

/// One row: a plain loop, which the compiler makes vectors of.
struct Row<'a> {
    pixels: &'a mut [f32],
    colours: [&'a [f32]; 3],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let [red, green, blue] = self.colours;
        let (pixels, _) = self.pixels.as_chunks_mut::<PIXEL>();
        for (((pixel, &red), &green), &blue) in pixels.iter_mut().zip(red).zip(green).zip(blue) {
            *pixel = [word(red, green), word(blue, 0.0)];
        }
    }
}
