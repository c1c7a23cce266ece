//! A convolution and the max pool after it, in one: the map between them is never in memory as a whole.

use super::convolution::{Convolution, Job, Scratch};
use super::grid::{Grid, Part, SLACK};
use super::hands::Hands;
use super::pooling::{Pool, Row};
use super::unit::Unit;
use crate::engine::cpu::buffer::{LINE, Span};
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::threads::share;
use crate::network::{Window, window};
use std::ops::Range;

/// The max pool there is. Its last windows may hang over (`ceil_mode`).
pub(super) const MAX_POOL: Window = window(3).stride(2);

/// Rows of the convolution that are kept: those of a strip, and those before it that are still to be pooled.
const RING: usize = 8;
/// Rows that are computed at a time.
const STRIP: usize = 4;
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
    /// The max pool of a convolution to the pixels of `grid`, cut in rows.
    pub(super) fn new(convolution: Convolution, grid: Grid) -> Self {
        let [_, height, width] = grid.extents;
        Self {
            convolution,
            ring: Grid {
                extents: [1, RING, width],
                ..grid
            },
            height,
        }
    }

    /// Filters of the first panel.
    pub(super) fn first_panel(&self) -> &[f32] {
        self.convolution.first_panel()
    }

    /// Computes some items.
    pub(super) fn run<U: Unit>(
        &self,
        unit: U,
        isa: Isa,
        hands: &mut Hands<'_, Scratch>,
        items: usize,
        job: &Job<'_>,
    ) {
        let rows = job.output.1.grid.extents[1];
        let blocks = match hands.threads() {
            1 => 1,
            threads => (2 * threads).div_ceil(items).min(rows.div_ceil(LEAST)),
        };
        hands.each(items * blocks, |task, scratch| {
            let rows = share(rows, task % blocks, blocks);
            self.rows(unit, isa, scratch, task / blocks, rows, job);
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
        job: &Job<'_>,
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
        let mut next = rows.start;
        for first in needed.clone().step_by(STRIP) {
            let done = needed.end.min(first + STRIP);
            let strip = Job {
                input: &job.input[item * job.item..],
                output: (Span::new(ring), all),
                next: &[],
                ..*job
            };
            let tiles = first * per_row..done * per_row;
            let panels = 0..self.convolution.panels();
            let after = if done == needed.end { job.next } else { &[] };
            self.convolution
                .tiles(unit, isa, &strip, [tiles, panels], scratch, after);
            while next < rows.end && (2 * next + 2).min(self.height - 1) < done {
                self.pool(isa, ring, item, next, job);
                next += 1;
            }
        }
        scratch.ring = memory;
    }

    /// Pools a row of the output.
    fn pool(&self, isa: Isa, ring: &[f32], item: usize, y: usize, job: &Job<'_>) {
        let (span, part) = job.output;
        let width = self.ring.extents[2];
        for chunk in 0..part.chunks {
            let row = |y: usize| {
                let line = self.ring.start([0, 0, chunk]) + self.ring.pixel(y % RING, 0);
                &ring[line * LINE..][..width * LINE]
            };
            let rows: Vec<&[f32]> = (2 * y..(2 * y + 3).min(self.height)).map(row).collect();
            isa.run(Row {
                pool: Pool::Max(MAX_POOL),
                channel: 0,
                rows: &rows,
                width: part.grid.extents[2],
                output: span,
                first: part.start([item, 0, chunk]) + part.grid.pixel(y, 0),
            });
        }
    }
}
