//! From the sums of a tile to its lines: residual, bias, batch norm, ReLU, rounding.

#![allow(unsafe_code, reason = "threads write disjoint lines of one buffer")]

use super::numbers::{narrow, widen};
use super::tiling::Tile;
use super::unit::{PANEL, SUMS};
use crate::engine::cpu::buffer::{LINE, Span};
use crate::engine::cpu::epilogue::Epilogue;
use crate::engine::cpu::simd::{Simd, WithSimd, load};

/// Lines of a tile in a buffer.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    /// The buffer.
    pub span: Span<'a>,
    /// The line of the first pixel.
    pub first: usize,
    /// Lines from one pixel to the one after the next, and from an even one to the odd one after it.
    pub steps: [usize; 2],
}

impl Lines<'_> {
    /// Steps of lines that follow each other.
    pub(super) const ROW: [usize; 2] = [2, 1];

    /// The first word of a pixel's line.
    #[inline(always)]
    fn word(&self, pixel: usize) -> usize {
        (self.first + pixel / 2 * self.steps[0] + pixel % 2 * self.steps[1]) * LINE
    }

    /// Asserts that the buffer has the lines of so many pixels.
    fn check(&self, pixels: usize) {
        let last = [pixels - 1, pixels.saturating_sub(2)].map(|pixel| self.word(pixel) + LINE);
        assert!(last.iter().all(|&end| end <= self.span.len()));
    }
}

/// The sums of a tile and a panel, and what becomes of them. Border stays zero.
pub(super) struct Finish<'a> {
    /// What follows the sums.
    pub epilogue: &'a Epilogue,
    /// The first output of the panel.
    pub channel: usize,
    /// The sums, `[row][output]`.
    pub sums: &'a [f32],
    /// The tile.
    pub tile: &'a Tile,
    /// Added to the sums.
    pub residual: Option<Lines<'a>>,
    /// Receives sum, bias and residual.
    pub raw: Option<Lines<'a>>,
    /// Receives the activation.
    pub output: Lines<'a>,
}

impl WithSimd for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Tile { count, pixels, .. } = *self.tile;
        assert!(self.sums.len() >= SUMS && count * PANEL <= SUMS && count > 0);
        let lines = [self.residual, self.raw, Some(self.output)];
        lines.iter().flatten().for_each(|lines| lines.check(count));
        for word in (0..LINE).step_by(S::F32_LANES) {
            let channels = [self.channel + word, self.channel + LINE + word];
            let finishers = channels.map(|channel| self.epilogue.at::<S>(channel));
            let bias = channels.map(|channel| load::<S>(&self.epilogue.bias, channel));
            for pixel in 0..count {
                let at = pixel * PANEL + word;
                let mut low = load::<S>(self.sums, at);
                let mut high = load::<S>(self.sums, at + LINE);
                let is_pixel = pixels >> pixel & 1 == 1;
                if let Some(residual) = &self.residual {
                    // SAFETY: these lines exist (checked above), and nobody writes what is read.
                    let words = unsafe { residual.span.load::<S>(residual.word(pixel) + word) };
                    let [more_low, more_high] = widen(s, words);
                    low = s.add_f32s(low, more_low);
                    high = s.add_f32s(high, more_high);
                }
                if let Some(raw) = &self.raw {
                    let sums = [s.add_f32s(low, bias[0]), s.add_f32s(high, bias[1])];
                    let words = if is_pixel {
                        narrow(s, sums)
                    } else {
                        s.splat_f32s(0.0)
                    };
                    // SAFETY: as above; the lines of a tile and a panel are one thread's.
                    unsafe { raw.span.store::<S>(raw.word(pixel) + word, words) }
                }
                let values = [
                    finishers[0].activate(s, low),
                    finishers[1].activate(s, high),
                ];
                let words = if is_pixel {
                    narrow(s, values)
                } else {
                    s.splat_f32s(0.0)
                };
                // SAFETY: as above.
                unsafe {
                    self.output
                        .span
                        .store::<S>(self.output.word(pixel) + word, words)
                }
            }
        }
    }
}
