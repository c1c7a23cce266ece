//! The time axis of a volume. Between the two spatial transforms each spatial point is a problem of its own: its frames are
//! transformed to points in time, each point in time has a matrix product, and the products are transformed back to frames.
//! What lies in between stays in the caches of one thread.

#![allow(unsafe_code, reason = "a kernel")]

use super::super::amx::Registers;
use super::super::filters::PIECE;
use super::super::kind::*;
use super::super::products::{Product, Products, Vectors};
use super::super::transforms::{input, output};
use super::{Block, Point, upto};
use crate::engine::cpu::buffer::{LINE, Span};
use crate::engine::cpu::simd::{Isa, NEAR, Simd, WithSimd, kernel, load, prefetch};
use crate::engine::cpu::threads::{Crew, PerThread, share};
use std::ops::Range;

impl Block<'_> {
    /// Tiles along time.
    fn steps(&self) -> usize {
        let [_, time] = self.convolution.kind.axes();
        self.output.frames.div_ceil(time.outputs)
    }

    /// Rows of one point in time of these tiles.
    fn rows<P: Products>(&self, tiles: usize) -> usize {
        (tiles * self.steps()).next_multiple_of(P::ROWS)
    }

    /// Floats for a piece of filters, for this many rows of points in time, and for their products.
    fn sizes<P: Products>(&self, isa: Isa, rows: usize) -> [usize; 3] {
        let [filters, points] = [PIECE, self.channels[0]].map(P::packed);
        [filters * isa.panel(), points * rows, rows * isa.panel()]
    }

    /// Floats that a thread needs for itself: none in 2-D.
    pub(super) fn memory_in_time(&self, isa: Isa) -> usize {
        let (tiles, [_, time]) = (self.tiles.len(), self.convolution.kind.axes());
        let sizes = match self.convolution.amx {
            _ if !self.convolution.kind.is_volume() => [0; 3],
            Some(_) => self.sizes::<Registers>(isa, time.points * self.rows::<Registers>(tiles)),
            None => self.sizes::<Vectors>(isa, time.points * self.rows::<Vectors>(tiles)),
        };
        sizes.iter().sum()
    }

    /// [`Block::multiply`] for volumes; `own` has a part for each thread.
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
        assert!(points * self.products.strides[0] <= y.len());
        let y = Span::new(y);
        let own: PerThread<_> = own.chunks_mut(self.memory_in_time(isa)).collect();
        let panels = self.channels[1] / isa.panel();
        let task = |points: Range<usize>, panels: Range<usize>, own: &mut [f32]| {
            for index in points {
                let point = self.point(isa, index, w);
                let panels = panels.clone();
                for_time!(self.convolution.kind, |T, M| match self.convolution.amx {
                    Some(amx) => {
                        let registers = Registers::new(amx);
                        self.multiply_point::<T, M, _>(isa, &registers, &point, panels, own, y);
                    }
                    None => self.multiply_point::<T, M, _>(isa, &Vectors, &point, panels, own, y),
                });
            }
        };
        crew.grid([points, panels], |points, panels| {
            own.with(|own| task(points, panels, own));
        });
    }

    /// Some panels of the products at one spatial point. They belong to this task.
    fn multiply_point<T: Axis, const M: usize, P: Products>(
        &self,
        isa: Isa,
        products: &P,
        point: &Point,
        panels: Range<usize>,
        own: &mut [f32],
        y: Span,
    ) {
        let (time, depth, panel) = (T::ALGORITHM, self.convolution.inputs, isa.panel());
        let rows = self.rows::<P>(point.tiles.len());
        let [u, v, m] = self.sizes::<P>(isa, M * rows);
        let (u, own) = own.split_at_mut(u);
        let (v, own) = own.split_at_mut(v);
        let m = &mut own[..m];
        let [start, end] =
            [point.tiles.start, point.tiles.end].map(|tile| self.points.at([0, tile, 0]));
        to_points::<T, M, P>(isa, self, &point.inputs[start..end], v, rows);
        let size = time.taps * panel;
        for index in panels {
            for first in (0..depth).step_by(PIECE) {
                let inputs = PIECE.min(depth - first);
                let (taps, next) =
                    point.filters[(index * depth + first) * size..].split_at(inputs * size);
                let next = upto(PIECE * size, next);
                let mut row = 0;
                for filter in 0..time.filters {
                    // Points that share a filter follow each other, and so do their rows.
                    let end = row + time.users(filter) * rows;
                    products.multiply(
                        isa,
                        Product {
                            matrix: v,
                            extents: [M * rows, self.channels[0]],
                            rows: row..end,
                            first,
                            taps,
                            factors: time.factors(filter),
                            filters: u,
                            sums: &mut m[row * panel..],
                            next: &next[share(next.len(), filter, time.filters)],
                        },
                    );
                    row = end;
                }
            }
            let at = self.products.at([point.index, 0, 0]) + index * panel;
            to_frames::<T, M>(isa, self, point.tiles.clone(), (m, rows), (y, at));
        }
    }
}

kernel! {
    /// Frames of some tiles, `[tile][frame][channel]`, to points in time, packed: `rows` of them, `[tile][step]`, per point.
    fn to_points[T, M, P: Products](block: &Block<'_>, from: &[f32], to: &mut [f32], rows: usize)
        = frames_to_points
}

#[inline(always)]
fn frames_to_points<S: Simd, T: Axis, const M: usize, P: Products>(
    s: S,
    block: &Block,
    from: &[f32],
    to: &mut [f32],
    rows: usize,
) {
    let (steps, channels) = (block.steps(), block.channels[0]);
    for (tile, from) in from.chunks_exact(block.points.strides[1]).enumerate() {
        for t in 0..steps {
            for c in (0..channels).step_by(S::F32_LANES) {
                if P::PAIRS && c % (2 * LINE) >= LINE {
                    continue;
                }
                let low = step_to_points::<S, T, M>(s, block, from, t, c);
                let high = if P::PAIRS {
                    step_to_points::<S, T, M>(s, block, from, t, c + LINE)
                } else {
                    low
                };
                for k in 0..M {
                    let row = k * rows + tile * steps + t;
                    P::pack(s, to, [M * rows, channels], [row, c], [low[k], high[k]]);
                }
            }
        }
    }
}

/// The points of one step of a tile, for a vector of channels; zero beyond the last channel.
#[inline(always)]
fn step_to_points<S: Simd, T: Axis, const M: usize>(
    s: S,
    block: &Block,
    from: &[f32],
    t: usize,
    c: usize,
) -> [S::f32s; M] {
    let (time, channels) = (T::ALGORITHM, block.channels[0]);
    let mut column = [s.splat_f32s(0.0); M];
    if c < channels {
        for k in 0..M {
            let frame = (t * time.outputs * time.stride + k).wrapping_sub(time.pad);
            if frame < block.input.frames {
                let at = frame * channels + c;
                // The same frame of the next tile.
                prefetch::<NEAR>(from.as_ptr().wrapping_add(from.len() + at));
                column[k] = load::<S>(from, at);
            }
        }
    }
    input::<T, S, M>(s, M, column)
}

kernel! {
    /// Products of some tiles, `rows` of them, `[tile][step][lane]`, per point in time, to a panel's columns of
    /// `[tile][frame][channel]`, which begin at a position of `y`.
    fn to_frames[T, M](
        block: &Block<'_>, tiles: Range<usize>, from: (&[f32], usize), to: (Span<'_>, usize)
    ) = products_to_frames
}

#[inline(always)]
fn products_to_frames<S: Simd, T: Axis, const M: usize>(
    s: S,
    block: &Block,
    tiles: Range<usize>,
    (from, rows): (&[f32], usize),
    (y, at): (Span, usize),
) {
    let (time, steps, panel) = (T::ALGORITHM, block.steps(), 2 * S::F32_LANES);
    let frames = block.output.frames;
    for (i, tile) in tiles.enumerate() {
        for t in 0..steps {
            let row = (i * steps + t) * panel;
            let first = t * time.outputs;
            let to = at + block.products.at([0, tile, first]);
            for c in (0..panel).step_by(S::F32_LANES) {
                let mut column = [s.splat_f32s(0.0); M];
                for k in 0..M {
                    column[k] = load::<S>(from, k * rows * panel + row + c);
                }
                column = output::<T, S, M>(s, M, column);
                for k in 0..time.outputs.min(frames - first) {
                    let at = to + k * block.products.strides[2] + c;
                    // The same frame of the next tile.
                    y.prefetch(at + block.products.strides[1]);
                    // SAFETY: a frame and a column of a tile whose products this task alone writes.
                    unsafe { y.store::<S>(at, column[k]) }
                }
            }
        }
    }
}
