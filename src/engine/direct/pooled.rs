//! A convolution and the max pool after it, in one: the map between them is never in memory as a whole.

#![allow(unsafe_code, reason = "threads write disjoint rows of one buffer")]

use super::convolution::{Convolution, Scratch};
use super::grid::{Grid, Part, SLACK};
use super::hands::Hands;
use super::job::{Job, Target};
use super::numbers::larger_magnitudes;
use super::unit::Unit;
use crate::engine::cpu::buffer::{LINE, Span};
use crate::engine::cpu::simd::{Isa, Simd, WithSimd, load};
use crate::engine::cpu::threads::share;
use crate::network::{Window, window};
use std::ops::Range;

/// The max pool there is. Its last windows may hang over (`ceil_mode`).
pub(super) const MAX_POOL: Window = window(3).stride(2);

/// Rows of the convolution that are kept: those of a strip, and those before it that are still to be pooled.
const RING: usize = 12;
/// Rows that are computed at a time.
const STRIP: usize = 6;
/// Pooled rows that a thread takes at least: the row between two blocks is computed twice.
const LEAST: usize = 4;

/// A convolution and [`MAX_POOL`].
pub(super) struct Pooled {
    convolution: Convolution,
    /// Where the convolution's rows lie.
    ring: Grid,
    /// Rows of the convolution.
    height: usize,
}

impl Pooled {
    /// The max pool of a convolution to the pixels of `grid`, cut in rows; nothing if it may make negative numbers.
    pub(super) fn new(convolution: Convolution, grid: Grid) -> Option<Self> {
        let [_, height, width] = grid.extents;
        convolution.epilogue.is_relu().then_some(Self {
            convolution,
            ring: Grid {
                extents: [1, RING, width],
                ..grid
            },
            height,
        })
    }

    /// The convolution.
    pub(super) fn convolution(&self) -> &Convolution {
        &self.convolution
    }

    /// Computes some items.
    pub(super) fn run<U: Unit>(
        &self,
        unit: U,
        isa: Isa,
        hands: &mut Hands<'_, Scratch>,
        items: usize,
        job: &Job<'_>,
        output: (Span<'_>, Part),
    ) {
        let rows = output.1.grid.extents[1];
        let blocks = match hands.threads() {
            1 => 1,
            threads => (2 * threads).div_ceil(items).min(rows.div_ceil(LEAST)),
        };
        hands.each(items * blocks, |task, scratch| {
            let rows = share(rows, task % blocks, blocks);
            self.rows(unit, isa, scratch, task / blocks, rows, (job, output));
        });
    }

    /// Computes some rows of an item's output.
    fn rows<U: Unit>(
        &self,
        unit: U,
        isa: Isa,
        scratch: &mut Scratch,
        item: usize,
        rows: Range<usize>,
        (job, output): (&Job<'_>, (Span<'_>, Part)),
    ) {
        let mut memory = std::mem::take(&mut scratch.ring);
        let ring = memory.room((self.ring.item() + SLACK) * LINE);
        let all = Part {
            grid: self.ring,
            first: 0,
            chunks: self.ring.chunks,
        };
        let per_row = self.convolution.tiling.tiles.len() / self.height;
        let needed = 2 * rows.start..(2 * rows.end + 1).min(self.height);
        let (mut first, mut next) = (needed.start, rows.start);
        while first < needed.end {
            // Strips begin where the ring does, or half of it later.
            let done = needed.end.min((first / STRIP + 1) * STRIP);
            let rounds = first / RING * RING * self.ring.pitch();
            let strip = Job {
                input: &job.input[item * job.item..],
                output: Target::new(Span::new(ring), all).behind(rounds),
                next: &[],
                ..*job
            };
            let tiles = first * per_row..done * per_row;
            let panels = 0..self.convolution.panels();
            let after = if done == needed.end { job.next } else { &[] };
            self.convolution
                .tiles(unit, isa, &strip, [tiles, panels], scratch, after);
            while next < rows.end && (2 * next + 2).min(self.height - 1) < done {
                self.pool(isa, ring, item, next, output);
                next += 1;
            }
            first = done;
        }
        scratch.ring = memory;
    }

    /// Pools a row of the output.
    fn pool(
        &self,
        isa: Isa,
        ring: &[f32],
        item: usize,
        y: usize,
        (output, part): (Span<'_>, Part),
    ) {
        let width = self.ring.extents[2];
        for chunk in 0..part.chunks {
            let row = |y: usize| {
                let line = self.ring.start([0, 0, chunk]) + self.ring.pixel(y % RING, 0);
                &ring[line * LINE..][..width * LINE]
            };
            // The last window may hang over: what it has twice changes nothing.
            let last = (2 * y + 2).min(self.height - 1);
            isa.run(Row {
                under: [row(2 * y), row(2 * y + 1), row(last)],
                output,
                first: part.start([item, 0, chunk]) + part.grid.pixel(y, 0),
                width: part.grid.extents[2],
            });
        }
    }
}

/// A row of a chunk, pooled. No number has a sign.
struct Row<'a> {
    under: [&'a [f32]; 3],
    output: Span<'a>,
    /// The line of the first pixel.
    first: usize,
    /// Pixels.
    width: usize,
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let columns = self.under[0].len() / LINE;
        assert!(self.under.iter().all(|row| row.len() == columns * LINE));
        assert!(2 * self.width <= columns + 1 && columns > 0);
        assert!((self.first + self.width) * LINE <= self.output.len());
        for word in (0..LINE).step_by(S::F32_LANES) {
            let mut left = self.column(s, 0, word);
            for x in 0..self.width {
                let middle = self.column(s, (2 * x + 1).min(columns - 1), word);
                let right = self.column(s, (2 * x + 2).min(columns - 1), word);
                let both = larger_magnitudes(s, left, middle);
                // SAFETY: the lines exist (asserted above), and a row is one thread's.
                unsafe {
                    let at = (self.first + x) * LINE + word;
                    self.output
                        .store::<S>(at, larger_magnitudes(s, both, right));
                }
                left = right;
            }
        }
    }
}

impl Row<'_> {
    /// The largest words of a column.
    #[inline(always)]
    fn column<S: Simd>(&self, s: S, x: usize, word: usize) -> S::f32s {
        let at = x * LINE + word;
        let upper = larger_magnitudes(
            s,
            load::<S>(self.under[0], at),
            load::<S>(self.under[1], at),
        );
        larger_magnitudes(s, upper, load::<S>(self.under[2], at))
    }
}
