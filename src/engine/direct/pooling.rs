//! Pools.

#![allow(unsafe_code, reason = "threads write disjoint rows of one buffer")]

use super::convolution::Scratch;
use super::grid::Part;
use super::hands::Hands;
use super::numbers::{narrow, widen};
use crate::engine::cpu::buffer::{LINE, Span};
use crate::engine::cpu::epilogue::Epilogue;
use crate::engine::cpu::simd::{Isa, Simd, WithSimd, larger, load};
use crate::network::{Window, window};
use std::ops::Range;

/// The average pool there is: padding counts as zeros.
pub(super) const AVERAGE: Window = window(3).padding(1);

/// What a pool makes of the lines under its window.
#[derive(Clone, Copy)]
pub(super) enum Pool<'a> {
    /// The largest number; NaN if there is one. Padding is no pixel, and the last window may hang over (`ceil_mode`).
    Max(Window),
    /// [`AVERAGE`], and what follows it.
    Average(&'a Epilogue),
}

impl Pool<'_> {
    /// The rows or columns under the window of an output, of so many.
    fn under(&self, at: usize, extent: usize) -> Range<usize> {
        let window = match self {
            Self::Max(window) => *window,
            Self::Average(_) => AVERAGE,
        };
        let first = at * window.stride;
        first.saturating_sub(window.padding)..(first + window.kernel - window.padding).min(extent)
    }
}

/// Pools some items of one grid into another.
pub(super) fn pool(
    isa: Isa,
    hands: &mut Hands<'_, Scratch>,
    items: usize,
    pool: Pool<'_>,
    (input, from): (&[f32], Part),
    (output, to): (Span<'_>, Part),
) {
    let [frames, height, _] = to.grid.extents;
    let [_, rows, columns] = from.grid.extents;
    hands.each(items * frames * height, |n, _| {
        let (item, frame, y) = (n / height / frames, n / height % frames, n % height);
        for chunk in 0..to.chunks {
            let start = from.start([item, frame, chunk]);
            let row = |y| &input[(start + from.grid.pixel(y, 0)) * LINE..][..columns * LINE];
            let under: Vec<&[f32]> = pool.under(y, rows).map(row).collect();
            isa.run(Row {
                pool,
                channel: chunk * 2 * LINE,
                rows: &under,
                width: to.grid.extents[2],
                output,
                first: to.start([item, frame, chunk]) + to.grid.pixel(y, 0),
            });
        }
    });
}

/// A row of a chunk.
pub(super) struct Row<'a> {
    /// What is made.
    pub pool: Pool<'a>,
    /// The first channel.
    pub channel: usize,
    /// The rows under the window, from their first pixel to their last.
    pub rows: &'a [&'a [f32]],
    /// Pixels of the output.
    pub width: usize,
    /// Receives them.
    pub output: Span<'a>,
    /// The line of the first.
    pub first: usize,
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        assert!((self.first + self.width) * LINE <= self.output.len());
        let columns = self.rows.first().map_or(0, |row| row.len() / LINE);
        for x in 0..self.width {
            let under = self.pool.under(x, columns);
            for word in (0..LINE).step_by(S::F32_LANES) {
                let values = match self.pool {
                    Pool::Max(_) => self.largest(s, under.clone(), word),
                    Pool::Average(epilogue) => {
                        let ninth = s.splat_f32s(1.0 / 9.0);
                        let [low, high] = self.sum(s, under.clone(), word);
                        let at = |lane: usize| epilogue.at::<S>(self.channel + lane + word);
                        [
                            at(0).activate(s, s.mul_f32s(low, ninth)),
                            at(LINE).activate(s, s.mul_f32s(high, ninth)),
                        ]
                    }
                };
                // SAFETY: the lines exist (asserted above), and a row is one thread's.
                unsafe {
                    let at = (self.first + x) * LINE + word;
                    self.output.store::<S>(at, narrow(s, values));
                }
            }
        }
    }
}

impl Row<'_> {
    #[inline(always)]
    fn largest<S: Simd>(&self, s: S, columns: Range<usize>, word: usize) -> [S::f32s; 2] {
        let mut largest = [s.splat_f32s(f32::NEG_INFINITY); 2];
        for row in self.rows {
            for x in columns.clone() {
                let [low, high] = widen(s, load::<S>(row, x * LINE + word));
                largest = [larger(s, largest[0], low), larger(s, largest[1], high)];
            }
        }
        largest
    }

    #[inline(always)]
    fn sum<S: Simd>(&self, s: S, columns: Range<usize>, word: usize) -> [S::f32s; 2] {
        let mut sum = [s.splat_f32s(0.0); 2];
        for row in self.rows {
            for x in columns.clone() {
                let [low, high] = widen(s, load::<S>(row, x * LINE + word));
                sum = [s.add_f32s(sum[0], low), s.add_f32s(sum[1], high)];
            }
        }
        sum
    }
}
