//! Pools.

#![allow(unsafe_code, reason = "threads write disjoint rows of one buffer")]

use super::convolution::Scratch;
use super::grid::Part;
use super::hands::Hands;
use super::numbers::{Rounding, WithRounding, larger_magnitudes, run, widen};
use crate::engine::cpu::buffer::{LINE, Span};
use crate::engine::cpu::epilogue::{Epilogue, Finisher};
use crate::engine::cpu::simd::{Isa, Simd, larger, load};
use crate::network::{Window, window};
use std::ops::Range;

/// The average pool there is: padding counts as zeros.
pub(super) const AVERAGE: Window = window(3).padding(1);

/// What a pool makes of the lines under its window.
#[derive(Clone, Copy)]
pub(super) enum Pool<'a> {
    /// The largest number; NaN if there is one. Padding is no pixel, and the last window may hang over (`ceil_mode`).
    Max {
        /// Its size.
        window: Window,
        /// Whether no number under it has a sign, so that their bits are compared.
        is_positive: bool,
    },
    /// [`AVERAGE`], and what follows it.
    Average(&'a Epilogue),
}

impl Pool<'_> {
    /// The rows or columns under the window of an output, of so many.
    fn under(&self, at: usize, extent: usize) -> Range<usize> {
        let window = match self {
            Self::Max { window, .. } => *window,
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
            let row = Row {
                pool,
                channel: chunk * 2 * LINE,
                rows: &under,
                width: to.grid.extents[2],
                output,
                first: to.start([item, frame, chunk]) + to.grid.pixel(y, 0),
            };
            run(isa, &row);
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

impl WithRounding for Row<'_> {
    #[inline(always)]
    fn run<S: Simd, R: Rounding>(&self, s: S, rounding: R) {
        assert!((self.first + self.width) * LINE <= self.output.len());
        let columns = self.rows.first().map_or(0, |row| row.len() / LINE);
        if let Pool::Max {
            is_positive: true, ..
        } = self.pool
        {
            return self.largest_magnitudes(s, columns);
        }
        for word in (0..LINE).step_by(S::F32_LANES / 2) {
            match self.pool {
                Pool::Max { .. } => self.largest(s, rounding, columns, word),
                Pool::Average(epilogue) => {
                    let follows = epilogue.at::<S>(self.channel + 2 * word);
                    self.average(s, rounding, columns, word, follows);
                }
            }
        }
    }
}

impl Row<'_> {
    #[inline(always)]
    fn largest_magnitudes<S: Simd>(&self, s: S, columns: usize) {
        for word in (0..LINE).step_by(S::F32_LANES) {
            for x in 0..self.width {
                let mut largest = s.splat_f32s(0.0);
                for row in self.rows {
                    for x in self.pool.under(x, columns) {
                        let words = load::<S>(row, x * LINE + word);
                        largest = larger_magnitudes(s, largest, words);
                    }
                }
                // SAFETY: the lines exist (asserted by `run`), and a row is one thread's.
                unsafe {
                    let at = (self.first + x) * LINE + word;
                    self.output.store::<S>(at, largest);
                }
            }
        }
    }

    #[inline(always)]
    fn largest<S: Simd, R: Rounding>(&self, s: S, rounding: R, columns: usize, word: usize) {
        for x in 0..self.width {
            let mut largest = s.splat_f32s(f32::NEG_INFINITY);
            for row in self.rows {
                for x in self.pool.under(x, columns) {
                    let values = widen(s, &row[x * LINE + word..][..S::F32_LANES / 2]);
                    largest = larger(s, largest, values);
                }
            }
            self.put(s, rounding, [x, word], largest);
        }
    }

    #[inline(always)]
    fn average<S: Simd, R: Rounding>(
        &self,
        s: S,
        rounding: R,
        columns: usize,
        word: usize,
        follows: Finisher<S>,
    ) {
        let (zero, ninth) = (s.splat_f32s(0.0), s.splat_f32s(1.0 / 9.0));
        let (mut left, mut middle) = (zero, self.column(s, 0, word));
        for x in 0..self.width {
            let right = match x + 1 < columns {
                true => self.column(s, x + 1, word),
                false => zero,
            };
            let sum = s.add_f32s(s.add_f32s(left, middle), right);
            let value = follows.activate(s, s.mul_f32s(sum, ninth));
            self.put(s, rounding, [x, word], value);
            (left, middle) = (middle, right);
        }
    }

    /// The sum of a column.
    #[inline(always)]
    fn column<S: Simd>(&self, s: S, x: usize, word: usize) -> S::f32s {
        let mut sum = s.splat_f32s(0.0);
        for row in self.rows {
            let values = widen(s, &row[x * LINE + word..][..S::F32_LANES / 2]);
            sum = s.add_f32s(sum, values);
        }
        sum
    }

    #[inline(always)]
    fn put<S: Simd, R: Rounding>(&self, s: S, rounding: R, [x, word]: [usize; 2], value: S::f32s) {
        assert!(x < self.width && word + S::F32_LANES / 2 <= LINE);
        let at = (self.first + x) * LINE + word;
        // SAFETY: the lines exist (asserted by `run`), and a row is one thread's.
        let to = unsafe { self.output.slice_mut(at, S::F32_LANES / 2) };
        rounding.narrow(s, value, to);
    }
}
