//! The time axis of a volume. Between the two spatial transforms each spatial point is a problem of its own: its frames are
//! transformed to points in time, each of these has a matrix product, and the products are transformed to frames. What is
//! only needed in between stays in the caches of one thread.

#![allow(unsafe_code, reason = "a kernel")]

use super::super::buffer::Span;
use super::super::convolution::{Kind, for_kind};
use super::super::gemm::Gemm;
use super::super::simd::{Isa, NEAR, Simd, WithSimd, load, prefetch, store};
use super::super::threads::{Crew, PerThread};
use super::super::transforms::{Axis, F2x3, F4x3, F4x4, Identity, MOST, Stride2, input, output};
use super::{Block, Point};
use std::marker::PhantomData;
use std::ops::Range;

/// Floats of points in time, inputs and products, that a thread computes together: they stay in its second-level cache.
const TOGETHER: usize = 1 << 18;

impl Block<'_> {
    /// Floats of points in time per spatial tile.
    fn tile_in_time(&self) -> usize {
        let [_, time] = self.convolution.kind.axes();
        time.points * self.steps() * (self.channels[0] + self.channels[1])
    }

    /// Tiles along time.
    fn steps(&self) -> usize {
        let [_, time] = self.convolution.kind.axes();
        self.output.frames.div_ceil(time.outputs)
    }

    /// Spatial tiles that are computed together.
    fn together(&self) -> usize {
        (TOGETHER / self.tile_in_time())
            .min(self.tiles.len())
            .max(1)
    }

    /// Floats that a thread needs for itself: none where there is no time.
    pub(super) fn memory_in_time(&self) -> usize {
        let [_, time] = self.convolution.kind.axes();
        if time.points > 1 {
            self.together() * self.tile_in_time()
        } else {
            0
        }
    }

    /// [`Block::multiply`] for volumes; `own` is cut into a part for each thread.
    ///
    /// # Panics
    /// When `y` is too short for the products.
    pub(super) fn multiply_in_time(
        &self,
        isa: Isa,
        crew: Crew,
        w: &[f32],
        y: &mut [f32],
        own: &mut [f32],
    ) {
        let points = self.convolution.points();
        assert!(points * self.strides[1] <= y.len());
        let (y, panel) = (Span::new(y), isa.panel());
        let own: PerThread<_> = own.chunks_mut(self.memory_in_time()).collect();
        crew.grid([points, self.channels[1] / panel], |points, panels| {
            let columns = panels.start * panel..panels.end * panel;
            own.with(|own| {
                for index in points {
                    let point = self.point(index, w);
                    for first in point.tiles.clone().step_by(self.together()) {
                        let end = point.tiles.end.min(first + self.together());
                        let product = Columns {
                            block: self,
                            point: &point,
                            tiles: first..end,
                            columns: columns.clone(),
                            y,
                            at: index * self.strides[1],
                        };
                        for_kind!(self.convolution.kind, run(product, isa, own));
                    }
                }
            });
        });
    }
}

/// Some columns of the products of some tiles at one spatial point. They belong to one task, and `y` has room for all.
struct Columns<'a> {
    block: &'a Block<'a>,
    point: &'a Point<'a>,
    tiles: Range<usize>,
    columns: Range<usize>,
    /// The products of all spatial points.
    y: Span<'a>,
    /// Where this point's begin.
    at: usize,
}

/// Computes them by the algorithm `T`.
fn run<X: Axis, T: Axis>(product: Columns, isa: Isa, own: &mut [f32]) {
    let Columns { block, point, .. } = product;
    let (time, depth, channels) = (T::ALGORITHM, block.convolution.inputs, block.channels[0]);
    let (rows, columns) = (product.tiles.len() * block.steps(), product.columns.len());
    let (v, m) = own.split_at_mut(time.points * rows * channels);
    let m = &mut m[..time.points * rows * columns];
    let tile = block.input.frames * channels;
    isa.run(Inputs::<T> {
        block,
        from: &point.inputs[product.tiles.start * tile..product.tiles.end * tile],
        to: v,
        axis: PhantomData,
    });
    let filters = point
        .filters
        .chunks_exact(point.filters.len() / time.filters);
    for (filter, b) in filters.enumerate() {
        // Points that share a filter follow each other, and so do their rows.
        let mut points = (0..time.points).filter(|&k| time.filter_of(k) == filter);
        let first = points.next().unwrap_or(0) * rows;
        isa.run(Gemm {
            a: &v[first * channels..],
            b: &b[product.columns.start * depth..],
            c: &mut m[first * columns..],
            rows: rows * (1 + points.count()),
            depth,
            columns,
            strides: [channels, columns],
            epilogue: None,
        });
    }
    isa.run(Outputs::<T> {
        product,
        from: m,
        axis: PhantomData,
    });
}

/// Frames to points in time: `[tile][frame][channel]` to `[point][tile][step][channel]`.
struct Inputs<'a, T> {
    block: &'a Block<'a>,
    from: &'a [f32],
    to: &'a mut [f32],
    axis: PhantomData<T>,
}

impl<T: Axis> WithSimd for Inputs<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (time, steps) = (T::ALGORITHM, self.block.steps());
        let (frames, channels) = (self.block.input.frames, self.block.channels[0]);
        let point = self.to.len() / time.points;
        for (tile, from) in self.from.chunks_exact(frames * channels).enumerate() {
            for t in 0..steps {
                let first = t * time.outputs * time.stride;
                let row = (tile * steps + t) * channels;
                for c in (0..channels).step_by(S::F32_LANES) {
                    let mut column = [s.splat_f32s(0.0); MOST];
                    for k in 0..time.points {
                        let frame = (first + k).wrapping_sub(time.pad);
                        if frame < frames {
                            let at = frame * channels + c;
                            // The same frame of the next tile.
                            prefetch::<NEAR>(from.as_ptr().wrapping_add(from.len() + at));
                            column[k] = load::<S>(from, at);
                        }
                    }
                    column = input::<T, S>(s, time.points, column);
                    for k in 0..time.points {
                        store::<S>(self.to, k * point + row + c, column[k]);
                    }
                }
            }
        }
    }
}

/// Products in time to frames: `[point][tile][step][column]` to the columns of `[tile][frame][channel]`.
struct Outputs<'a, T> {
    product: Columns<'a>,
    from: &'a [f32],
    axis: PhantomData<T>,
}

impl<T: Axis> WithSimd for Outputs<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Columns {
            block,
            ref tiles,
            ref columns,
            y,
            at,
            ..
        } = self.product;
        let (time, steps) = (T::ALGORITHM, block.steps());
        let (frames, channels) = (block.output.frames, block.channels[1]);
        let point = self.from.len() / time.points;
        for (i, tile) in tiles.clone().enumerate() {
            for t in 0..steps {
                let row = (i * steps + t) * columns.len();
                let first = t * time.outputs;
                let to = at + (tile * frames + first) * channels + columns.start;
                for c in (0..columns.len()).step_by(S::F32_LANES) {
                    let mut column = [s.splat_f32s(0.0); MOST];
                    for k in 0..time.points {
                        column[k] = load::<S>(self.from, k * point + row + c);
                    }
                    column = output::<T, S>(s, time.points, column);
                    for k in 0..time.outputs.min(frames - first) {
                        let at = to + k * channels + c;
                        // The same frame of the next tile.
                        prefetch::<NEAR>(y.pointer(at + frames * channels));
                        // SAFETY: a frame and a channel of a tile whose products this task alone writes.
                        unsafe { y.store::<S>(at, column[k]) }
                    }
                }
            }
        }
    }
}
