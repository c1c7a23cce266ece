//! Pooling on channels-last activations.

use super::buffer::{Buffer, Span};
use super::convolution::{Convolution, Job};
use super::gemm::Epilogue;
use super::simd::{Isa, Simd, WithSimd, floor_at};
use super::threads::Crew;
use super::view::View;
use std::ops::Range;

/// One output row of a 3x3 pool: a max pool with stride 2 and no padding, whose last window may be cut off (`ceil_mode`),
/// or an average pool with stride 1 and padding 1, padding counted.
pub struct PoolRow<'a> {
    /// Memory of the input.
    pub input: Span<'a>,
    /// Where the rows under the window start, as many as lie in the image.
    pub rows: &'a [usize],
    /// Pixels per input row.
    pub width: usize,
    /// Floats between pixels, input and output.
    pub pixels: [usize; 2],
    /// Channels.
    pub channels: usize,
    /// Memory of the output, and where the row goes.
    pub output: (Span<'a>, usize),
    /// What follows an average; a maximum without.
    pub average: Option<&'a Epilogue>,
}

/// Output extent of a max pool along an axis of `input`.
pub fn max_pool_extent(input: usize) -> usize {
    (input - 2) / 2 + 1
}

impl WithSimd for PoolRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (to, at) = self.output;
        let (start, stride, pad, extent) = match self.average {
            Some(_) => (0.0, 1, 1, self.width),
            None => (f32::NEG_INFINITY, 2, 0, max_pool_extent(self.width)),
        };
        for x in 0..extent {
            let window = (stride * x).saturating_sub(pad)..(stride * x + 3 - pad).min(self.width);
            for c in (0..self.channels).step_by(S::F32_LANES) {
                let mut value = s.splat_f32s(start);
                for row in self.rows {
                    for x in window.clone() {
                        // SAFETY: inside the window, which is complete.
                        let next = unsafe { self.input.load::<S>(row + x * self.pixels[0] + c) };
                        value = match self.average {
                            Some(_) => s.add_f32s(value, next),
                            None => floor_at(s, next, value),
                        };
                    }
                }
                if let Some(epilogue) = self.average {
                    let (finisher, ninth) = (epilogue.at::<S>(c), s.splat_f32s(1.0 / 9.0));
                    value = finisher.activate(s, s.mul_add_f32s(value, ninth, finisher.bias));
                }
                // SAFETY: this row of the output is this call's.
                unsafe { to.store::<S>(at + x * self.pixels[1] + c, value) }
            }
        }
    }
}

/// Working memory of one thread for [`pooled`].
#[derive(Default)]
pub struct Scratch {
    /// Transformed inputs and products.
    pub tiles: [Buffer; 2],
    ring: Buffer,
}

/// Fewest pooled rows per strip, since each strip computes the tiles above its first row anew.
pub const STRIP_ROWS: usize = 7;

/// Rows `rows` of item `item` of a convolution's max pool; `job.output` receives them. A ring of two rows of tiles holds the
/// convolution's output: pooled as it comes, it never leaves the cache.
///
/// # Safety
/// The views of the job hold the item; nobody else uses these rows of the output.
pub unsafe fn pooled(
    isa: Isa,
    convolution: &Convolution,
    job: Job,
    item: usize,
    rows: Range<usize>,
    scratch: &mut Scratch,
) {
    let shape = convolution.output_shape(job.shape);
    let [down, across, _] = convolution.grid(job.shape);
    let (channels, tile) = (convolution.outputs(), shape.height.div_ceil(down));
    let row = shape.width * channels;
    scratch.ring.reserve(2 * tile * row);
    let span = scratch.ring.span();
    let place = |y: usize| y % (2 * tile) * row;
    let mut next = rows.start;
    for y in 2 * rows.start / tile..(2 * rows.end + 1).min(shape.height).div_ceil(tile) {
        let ring = View {
            span,
            origin: place(y * tile),
            first_row: y * tile,
            strides: [channels, row, 0, 0],
        };
        let mut into_ring = job;
        into_ring.output = ring;
        let first = (item * down + y) * across;
        // SAFETY: the ring is this call's; the rest is the caller's contract.
        unsafe {
            let tiles = first..first + across;
            convolution.run(isa, Crew::Alone, into_ring, tiles, &mut scratch.tiles);
        }
        while next < rows.end && (2 * next + 3).min(shape.height) <= (y + 1) * tile {
            let window = [2 * next, 2 * next + 1, 2 * next + 2].map(place);
            isa.run(PoolRow {
                input: span,
                rows: &window[..3.min(shape.height - 2 * next)],
                width: shape.width,
                pixels: [channels, job.output.strides[0]],
                channels,
                output: (job.output.span, job.output.at(item, 0, next, 0)),
                average: None,
            });
            next += 1;
        }
    }
}
