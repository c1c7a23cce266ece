//! From sums to lines: residual, bias, batch norm, ReLU, rounding.

#![allow(unsafe_code, reason = "threads write disjoint lines of one buffer")]

use super::job::{Group, Job, Target};
use super::numbers::{Rounding, WithRounding, widen};
use super::tiling::{Tile, Tiling};
use super::unit::{PANEL, SUMS};
use crate::engine::cpu::buffer::{LINE, Span};
use crate::engine::cpu::epilogue::Epilogue;
use crate::engine::cpu::simd::{Simd, load};
use pulp::bytemuck::cast;
use std::ops::Range;

/// The sums of some registers, each of a tile and 16 outputs, and what becomes of them. Border stays zero.
pub(super) struct Finish<'a> {
    /// The convolution's tiles.
    pub tiling: &'a Tiling,
    /// What follows the sums.
    pub epilogue: &'a Epilogue,
    /// Where residuals are, and lines go.
    pub job: &'a Job<'a>,
    /// Tiles and outputs.
    pub group: &'a Group,
    /// Which registers.
    pub registers: Range<usize>,
    /// The sums, `[register][row][output]` from the group's place on.
    pub sums: &'a [f32],
    /// Whether activations are never negative: then they have no sign, not even of a zero or NaN.
    pub is_positive: bool,
}

impl WithRounding for Finish<'_> {
    #[inline(always)]
    fn run<S: Simd, R: Rounding>(&self, s: S, rounding: R) {
        match (&self.job.residual, &self.job.raw) {
            (None, None) => self.registers::<S, R, false>(s, rounding),
            _ => self.registers::<S, R, true>(s, rounding),
        }
    }
}

/// The words of a tile's 16 channels in a buffer.
struct Words<'a> {
    span: Span<'a>,
    first: usize,
    /// From a pixel to the one after the next, and from an even one to the odd one after it.
    steps: [usize; 2],
}

impl<'a> Words<'a> {
    /// Those of so many pixels, of one channel and 15 more, from a line on.
    #[inline(always)]
    fn new(target: &Target<'a>, line: usize, channel: usize, pixels: usize) -> Self {
        let words = Self {
            span: target.span,
            first: line * LINE + channel % PANEL / 2,
            steps: [target.steps[0] * LINE, target.steps[1] * LINE],
        };
        let last = words.of(pixels - 1).max(words.of(pixels.saturating_sub(2)));
        assert!(last + LINE / 2 <= words.span.len());
        words
    }

    /// The first word of a pixel.
    #[inline(always)]
    fn of(&self, pixel: usize) -> usize {
        self.first + pixel / 2 * self.steps[0] + pixel % 2 * self.steps[1]
    }
}

impl<'a> Finish<'a> {
    #[inline(always)]
    fn registers<S: Simd, R: Rounding, const MORE: bool>(&self, s: S, rounding: R) {
        for register in self.registers.clone() {
            let (index, channel) = self.group.of(register);
            let (item, tile) = self.tiling.tile(index);
            let sums = &self.sums[self.group.place + register * SUMS..][..SUMS];
            if !self.job.output.apart && tile.pixels == u16::MAX {
                self.lines::<S, R, MORE, true>(s, rounding, sums, [item, channel], tile);
            } else {
                self.lines::<S, R, MORE, false>(s, rounding, sums, [item, channel], tile);
            }
        }
    }

    #[inline(always)]
    fn lines<S: Simd, R: Rounding, const MORE: bool, const ROW: bool>(
        &self,
        s: S,
        rounding: R,
        sums: &[f32],
        [item, channel]: [usize; 2],
        tile: &Tile,
    ) {
        let place = [item, tile.frame, channel / PANEL];
        let words = |target: &Target<'a>, line: usize| {
            Words::new(target, target.line(place, line), channel, tile.count)
        };
        let output = words(&self.job.output, tile.to);
        let (mut residual, mut raw) = (None, None);
        if MORE {
            residual = self
                .job
                .residual
                .as_ref()
                .map(|target| words(target, tile.line));
            raw = self.job.raw.as_ref().map(|target| words(target, tile.line));
        }
        let kept = match self.is_positive {
            true => 0x7fff_ffff,
            false => u32::MAX,
        };
        let kept = s.splat_u32s(kept);
        for lane in (0..LINE).step_by(S::F32_LANES) {
            let follows = self.epilogue.at::<S>(channel + lane);
            let bias = load::<S>(&self.epilogue.bias, channel + lane);
            let (word, words) = (lane / 2, S::F32_LANES / 2);
            let (rows, _) = sums.as_chunks::<LINE>();
            for (pixel, row) in rows.iter().take(tile.count).enumerate() {
                // Of what is no row, some lines are border.
                let line = |floats: S::f32s| {
                    if ROW || tile.pixels >> pixel & 1 == 1 {
                        floats
                    } else {
                        s.splat_f32s(0.0)
                    }
                };
                let mut sum = load::<S>(row, lane);
                if let Some(residual) = &residual {
                    // SAFETY: these words exist (`Words`), and nobody writes what is read.
                    let more = unsafe { residual.span.slice(residual.of(pixel) + word, words) };
                    sum = s.add_f32s(sum, widen(s, more));
                }
                if let Some(raw) = &raw {
                    // SAFETY: as above; what a tile and 16 outputs become is one thread's.
                    let to = unsafe { raw.span.slice_mut(raw.of(pixel) + word, words) };
                    rounding.narrow(s, line(s.add_f32s(sum, bias)), to);
                }
                let value = s.and_u32s(cast(follows.activate(s, sum)), kept);
                let to = match ROW {
                    true => output.first + pixel * LINE,
                    false => output.of(pixel),
                };
                // SAFETY: as above.
                let to = unsafe { output.span.slice_mut(to + word, words) };
                rounding.narrow(s, line(cast(value)), to);
            }
        }
    }
}
