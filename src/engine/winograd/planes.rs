//! 2-D convolutions of maps, cut into tiles that one thread computes at a time, and the max pool that may follow.

use super::buffer::{Buffer, View};
use super::convolution::{Convolution, Job, Output, Shape};
use super::pooling::{MaxPoolRow, max_pool_extent};
use super::simd::Isa;
use super::threads::{Crew, PerThread, share};
use std::ops::Range;

/// Most tiles per block: their points stay in the second-level cache.
const TILES: usize = 49;
/// Fewest tiles per block: a register block of the matrix product.
const FEWEST_TILES: usize = 6;

/// Rows and columns of a 2-D tile's output.
const TILE: usize = 4;
/// Pooled rows per strip at least.
const FEWEST_STRIP_ROWS: usize = 7;

/// Working memory of one thread.
#[derive(Default)]
pub struct Scratch {
    inputs: Buffer,
    products: Buffer,
    rows: Buffer,
}

/// What a run of the network needs besides its weights.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The instruction set the filters are packed for.
    pub isa: Isa,
    /// Who shares the work on these frames.
    pub crew: Crew,
    /// Working memory.
    pub scratch: &'a PerThread<Scratch>,
}

impl Context<'_> {
    /// A convolution of images.
    ///
    /// # Safety
    /// The views hold images of this shape; nobody else uses the output.
    pub unsafe fn plane(self, convolution: &Convolution, shape: Shape, input: View, output: View) {
        let [down, across, _] = convolution.grid(shape);
        let tiles = shape.items * down * across;
        let blocks = tiles
            .div_ceil(TILES)
            .max(self.crew.parts(1, tiles / FEWEST_TILES));
        let job = Job {
            input,
            shape,
            output: Output::activation(output),
        };
        self.crew.each(blocks, |block| {
            // SAFETY: the blocks are disjoint.
            unsafe { self.tiles(convolution, &job, share(tiles, block, blocks)) }
        });
    }

    /// Some tiles of a convolution, with the thread's scratch.
    ///
    /// # Safety
    /// See [`Convolution::run`].
    unsafe fn tiles(self, convolution: &Convolution, job: &Job, tiles: Range<usize>) {
        self.scratch.with(|scratch| {
            let [v, m] = convolution.scratch(job.shape, tiles.len());
            scratch.inputs.reserve(v);
            scratch.products.reserve(m);
            // SAFETY: the scratch is this thread's; the rest is the caller's contract.
            unsafe {
                convolution.run(
                    self.isa,
                    Crew::Alone,
                    job,
                    tiles,
                    [scratch.inputs.span(), scratch.products.span()],
                )
            }
        });
    }

    /// A convolution of images and the max pool after it, which takes rows as they come.
    ///
    /// # Safety
    /// The views hold images of this shape; nobody else uses the output.
    pub unsafe fn pooled(self, convolution: &Convolution, shape: Shape, input: View, output: View) {
        let rows = max_pool_extent(convolution.output_shape(shape).height);
        // Each strip computes the tiles above its first row anew, so strips are few.
        let strips = self.crew.parts(shape.items, rows / FEWEST_STRIP_ROWS);
        let job = Job {
            input,
            shape,
            output: Output::activation(output),
        };
        self.crew.each(shape.items * strips, |task| {
            let (item, strip) = (task / strips, task % strips);
            // SAFETY: the strips are disjoint.
            unsafe { self.strip(convolution, &job, item, share(rows, strip, strips)) }
        });
    }

    /// Pooled rows `rows` of an image, one row of tiles at a time.
    ///
    /// # Safety
    /// The views of the job hold `item`; nobody else uses these rows of the output.
    unsafe fn strip(self, convolution: &Convolution, job: &Job, item: usize, rows: Range<usize>) {
        let shape = convolution.output_shape(job.shape);
        let [down, across, _] = convolution.grid(job.shape);
        let row = shape.width * convolution.outputs;
        let mut ring = self
            .scratch
            .with(|scratch| std::mem::take(&mut scratch.rows));
        ring.reserve(2 * TILE * row);
        let span = ring.span();
        let place = |y: usize| y % (2 * TILE) * row;
        let mut next = rows.start;
        for y in 2 * rows.start / TILE..(2 * rows.end + 1).min(shape.height).div_ceil(TILE) {
            let view = View {
                first_row: y * TILE,
                strides: [convolution.outputs, row, 0, 0],
                ..View::dense(span, [1, 1, 1], 1).skip(place(y * TILE))
            };
            let into_ring = Job {
                output: Output::activation(view),
                ..*job
            };
            let first = (item * down + y) * across;
            // SAFETY: the ring is this thread's.
            unsafe { self.tiles(convolution, &into_ring, first..first + across) };
            while next < rows.end && (2 * next + 3).min(shape.height) <= (y + 1) * TILE {
                let window = [2 * next, 2 * next + 1, 2 * next + 2].map(place);
                let pooled = job.output.activation;
                self.isa.run(MaxPoolRow {
                    input: span,
                    rows: &window[..3.min(shape.height - 2 * next)],
                    width: shape.width,
                    channels: convolution.outputs,
                    output: (pooled.span, pooled.at(item, 0, next, 0)),
                });
                next += 1;
            }
        }
        self.scratch.with(|scratch| scratch.rows = ring);
    }
}
