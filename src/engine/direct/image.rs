//! Frames as the stem reads them.

use super::numbers::{Rounding, WithRounding, run};
use crate::engine::cpu::buffer::LINE;
use crate::engine::cpu::simd::{Isa, NEAR, Simd, load, prefetch};
use crate::recipe::{CHANNELS, FRAME_SIZE};
use pulp::bytemuck::cast;
use std::cell::RefCell;

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

/// Floats of a plane that are fetched ahead.
const AHEAD: usize = 4 * SIDE;

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
            let number = 2 * PIXEL * x + colour;
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
        let (pixels, _) = row[PAD * PIXEL..][..SIDE * PIXEL].as_chunks_mut::<PIXEL>();
        let row = Row {
            pixels: pixels.into(),
            colours: [red, green, blue],
        };
        run(isa, &row);
    }
}

/// One row.
struct Row<'a> {
    pixels: RefCell<&'a mut [[f32; PIXEL]]>,
    colours: [&'a [f32]; CHANNELS],
}

impl WithRounding for Row<'_> {
    #[inline(always)]
    fn run<S: Simd, R: Rounding>(&self, s: S, rounding: R) {
        let pixels = &mut **self.pixels.borrow_mut();
        let (lines, _) = pixels.as_chunks_mut::<LINE>();
        for (at, pixels) in lines.iter_mut().enumerate() {
            let mut words = [[0.0; LINE / 2]; CHANNELS];
            for (words, colour) in words.iter_mut().zip(self.colours) {
                // A plane's next rows are fetched: the frame comes from far away.
                prefetch::<NEAR>(colour.as_ptr().wrapping_add(at * LINE + AHEAD));
                for lane in (0..LINE).step_by(S::F32_LANES) {
                    let to = &mut words[lane / 2..][..S::F32_LANES / 2];
                    rounding.narrow(s, load::<S>(colour, at * LINE + lane), to);
                }
            }
            let [red, green, blue] = words.map(cast::<_, [u16; LINE]>);
            let both: [u32; LINE] =
                std::array::from_fn(|i| u32::from(red[i]) | u32::from(green[i]) << 16);
            let blue = blue.map(u32::from);
            for i in 0..LINE {
                pixels[i] = [both[i], blue[i]].map(f32::from_bits);
            }
        }
    }
}
