//! The time axis of a volume. Between the two spatial transforms each spatial point is a problem of its own: its frames are
//! transformed to points in time, each of these has a matrix product, and the products are transformed to frames. What is
//! only needed in between stays in the caches of one thread.

#![allow(unsafe_code, reason = "a kernel")]

use super::super::amx::{self, Amx, Product};
use super::super::buffer::{LINE, Span};
use super::super::convolution::{Kind, for_kind};
use super::super::filters::{self, PIECE};
use super::super::gemm::Gemm;
use super::super::simd::{Isa, NEAR, Simd, WithSimd, load, prefetch, store};
use super::super::threads::{Crew, PerThread, share};
use super::super::transforms::{Axis, F2x3, F4x3, F4x4, Identity, Stride2, Stride4, input, output};
use super::{Block, Point, upto};
use std::marker::PhantomData;
use std::ops::Range;

impl Block<'_> {
    /// Tiles along time.
    fn steps(&self) -> usize {
        let [_, time] = self.convolution.kind.axes();
        self.output.frames.div_ceil(time.outputs)
    }

    /// Rows of the products of one point of these tiles.
    fn rows(&self, tiles: usize) -> usize {
        let rows = tiles * self.steps();
        match self.convolution.amx {
            Some(_) => rows.next_multiple_of(amx::ROWS),
            None => rows,
        }
    }

    /// Floats that a thread needs for itself: none where there is no time.
    pub(super) fn memory_in_time(&self, isa: Isa) -> usize {
        let [_, time] = self.convolution.kind.axes();
        if self.convolution.kind.is_volume() {
            self.parts_in_time(isa, time.points * self.rows(self.tiles.len()))
                .iter()
                .sum()
        } else {
            0
        }
    }

    /// These are for a piece of filters, for as many rows of points in time, and for their products.
    fn parts_in_time(&self, isa: Isa, rows: usize) -> [usize; 3] {
        let panel = isa.panel();
        let mut depths = [PIECE, self.channels[0]];
        if self.convolution.amx.is_some() {
            depths = depths.map(amx::packed);
        }
        [depths[0] * panel, depths[1] * rows, rows * panel]
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
        let y = Span::new(y);
        let own: PerThread<_> = own.chunks_mut(self.memory_in_time(isa)).collect();
        let panels = self.channels[1] / isa.panel();
        crew.grid([points, panels], |points, panels| {
            own.with(|own| {
                for index in points {
                    let point = self.point(index, w);
                    let (at, panels) = (index * self.strides[1], panels.clone());
                    for_kind!(
                        self.convolution.kind,
                        run(self, isa, &point, panels, own, (y, at))
                    );
                }
            });
        });
    }
}

/// Some panels of the products at one spatial point, by the algorithm `T` with `M` points. They belong to this task, and the
/// products of this point lie in `y` from `at` on.
fn run<X: Axis, T: Axis, const N: usize, const M: usize>(
    block: &Block,
    isa: Isa,
    point: &Point,
    panels: Range<usize>,
    own: &mut [f32],
    (y, at): (Span, usize),
) {
    let (time, depth, panel) = (T::ALGORITHM, block.convolution.inputs, isa.panel());
    let (rows, channels) = (block.rows(point.tiles.len()), block.channels[0]);
    let [u, v, m] = block.parts_in_time(isa, M * rows);
    let (u, own) = own.split_at_mut(u);
    let (v, own) = own.split_at_mut(v);
    let m = &mut own[..m];
    let registers = block.convolution.amx.map(Amx::configure);
    let tile = block.input.frames * channels;
    isa.run(Inputs::<T, M> {
        block,
        from: &point.inputs[point.tiles.start * tile..point.tiles.end * tile],
        to: v,
        rows,
        axis: PhantomData,
    });
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
                let rows_here = time.users(filter) * rows;
                let (factors, c) = (time.factors(filter), &mut m[row * panel..]);
                let (add, next) = (first > 0, &next[share(next.len(), filter, time.filters)]);
                if let Some(registers) = &registers {
                    let (plane, b) = (M * rows * LINE, &mut u[..amx::packed(inputs) * panel]);
                    isa.run(amx::Panel {
                        factors,
                        taps,
                        to: b,
                        columns: panel,
                    });
                    registers.multiply(Product {
                        a: &v[amx::packed(first) * M * rows + row * LINE..],
                        plane,
                        b,
                        c,
                        rows: rows_here,
                        columns: panel,
                        add,
                        next,
                    });
                } else {
                    let stride = PIECE.min(channels - first);
                    isa.run(Gemm {
                        a: &v[first * M * rows + row * stride..],
                        b: filters::of_taps(isa, factors, taps, &mut u[..inputs * panel]),
                        c,
                        rows: rows_here,
                        depth: inputs,
                        columns: panel,
                        strides: [stride, panel],
                        add,
                        epilogue: None,
                        next,
                    });
                }
                row += rows_here;
            }
        }
        isa.run(Outputs::<T, M> {
            block,
            tiles: point.tiles.clone(),
            from: m,
            rows,
            to: (y, at + index * panel),
            axis: PhantomData,
        });
    }
}

/// Frames to points in time: `[tile][frame][channel]` to `[piece][point][tile][step][channel]`, pieces being those of the
/// filters, or to planes as `amx` says, of the rows `[point][tile][step]`.
struct Inputs<'a, T, const M: usize> {
    block: &'a Block<'a>,
    from: &'a [f32],
    to: &'a mut [f32],
    /// Rows of a point.
    rows: usize,
    axis: PhantomData<T>,
}

impl<T: Axis, const M: usize> WithSimd for Inputs<'_, T, M> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (steps, rows) = (self.block.steps(), self.rows);
        let (frames, channels) = (self.block.input.frames, self.block.channels[0]);
        let plane = M * rows * LINE;
        for (tile, from) in self.from.chunks_exact(frames * channels).enumerate() {
            for t in 0..steps {
                let row = tile * steps + t;
                for c in (0..channels).step_by(S::F32_LANES) {
                    if self.block.convolution.amx.is_none() {
                        let column = self.points(s, from, t, c);
                        let piece = c / PIECE * PIECE;
                        let stride = PIECE.min(channels - piece);
                        for k in 0..M {
                            let at = piece * M * rows + (k * rows + row) * stride + c - piece;
                            store::<S>(self.to, at, column[k]);
                        }
                    } else if c % amx::CHUNK < LINE {
                        let low = self.points(s, from, t, c);
                        let high = self.points(s, from, t, c + LINE);
                        let chunk = c / amx::CHUNK * amx::PARTS * plane;
                        let first = chunk + row * LINE + c % LINE;
                        for k in 0..M {
                            let words = amx::parts(s, low[k], high[k]);
                            for part in 0..amx::PARTS {
                                let place = first + part * plane + k * rows * LINE;
                                store::<S>(self.to, place, words[part]);
                            }
                        }
                    }
                }
            }
        }
    }
}

impl<T: Axis, const M: usize> Inputs<'_, T, M> {
    /// The points of a tile's step, for a vector of channels; zero where there are no channels.
    #[inline(always)]
    fn points<S: Simd>(&self, s: S, from: &[f32], t: usize, c: usize) -> [S::f32s; M] {
        let (time, channels) = (T::ALGORITHM, self.block.channels[0]);
        let first = t * time.outputs * time.stride;
        let mut column = [s.splat_f32s(0.0); M];
        if c < channels {
            for k in 0..M {
                let frame = (first + k).wrapping_sub(time.pad);
                if frame < self.block.input.frames {
                    let at = frame * channels + c;
                    // The same frame of the next tile.
                    prefetch::<NEAR>(from.as_ptr().wrapping_add(from.len() + at));
                    column[k] = load::<S>(from, at);
                }
            }
        }
        input::<T, S, M>(s, M, column)
    }
}

/// Products in time to frames: `[point][tile][step][lane]` to a panel's columns of `[tile][frame][channel]`.
struct Outputs<'a, T, const M: usize> {
    block: &'a Block<'a>,
    tiles: Range<usize>,
    from: &'a [f32],
    /// Rows of a point.
    rows: usize,
    /// The products of all spatial points, and where this panel's columns begin.
    to: (Span<'a>, usize),
    axis: PhantomData<T>,
}

impl<T: Axis, const M: usize> WithSimd for Outputs<'_, T, M> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (time, steps, panel) = (T::ALGORITHM, self.block.steps(), 2 * S::F32_LANES);
        let (frames, channels) = (self.block.output.frames, self.block.channels[1]);
        let (y, at) = self.to;
        for (i, tile) in self.tiles.enumerate() {
            for t in 0..steps {
                let row = (i * steps + t) * panel;
                let first = t * time.outputs;
                let to = at + (tile * frames + first) * channels;
                for c in (0..panel).step_by(S::F32_LANES) {
                    let mut column = [s.splat_f32s(0.0); M];
                    for k in 0..M {
                        column[k] = load::<S>(self.from, k * self.rows * panel + row + c);
                    }
                    column = output::<T, S, M>(s, M, column);
                    for k in 0..time.outputs.min(frames - first) {
                        let at = to + k * channels + c;
                        // The same frame of the next tile.
                        prefetch::<NEAR>(y.pointer(at + frames * channels));
                        // SAFETY: a frame and a column of a tile whose products this task alone writes.
                        unsafe { y.store::<S>(at, column[k]) }
                    }
                }
            }
        }
    }
}
