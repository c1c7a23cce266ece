//! The spatial transforms of a block's tiles: pixels to points, and products to pixels.

#![allow(unsafe_code, reason = "a kernel")]

use super::super::convolution::Job;
use super::super::kind::*;
use super::super::transforms::{input, output};
use super::super::view::{Shape, View};
use super::{Block, Tile};
use crate::engine::cpu::buffer::{LINE, Span};
use crate::engine::cpu::simd::{Isa, Simd, WithSimd, floor_at, is_portable, kernel, load};
use crate::engine::cpu::threads::Crew;
use std::ops::Range;

impl Block<'_> {
    /// Pixels of `from` to the points `w`.
    ///
    /// # Panics
    /// When these are not the pixels the block was made for, or `w` is too short.
    pub fn inputs(&self, isa: Isa, crew: Crew, from: View<&[f32]>, w: &mut [f32]) {
        assert!(from.shape() == self.input && self.channels[0] <= from.channels());
        assert!(self.convolution.points() * self.points.strides[0] <= w.len());
        let (from, w) = (from.span(), Span::new(w));
        crew.grid(
            [self.tiles.len(), self.channels[0] / LINE],
            |tiles, lines| {
                for_space!(self.convolution.kind, |X, N| to_points::<X, N>(
                    isa, self, tiles, lines, from, w
                ));
            },
        );
    }

    /// The products `y` of a group of output channels to the pixels of a job's outputs.
    ///
    /// # Panics
    /// When the group is none of [`Block::groups`], or the views have other extents than the convolution's output, or too few
    /// channels, or `y` is too short.
    pub fn outputs(&self, isa: Isa, crew: Crew, group: Range<usize>, y: &[f32], job: &mut Job) {
        let pool = self.convolution.max_pool;
        let outputs = Outputs {
            products: (Span::shared(y), group.start),
            residual: job.residual.as_ref().map(View::span),
            raw: job.raw.as_mut().map(View::span_mut),
            output: job.output.span_mut(),
        };
        assert!(group.end <= self.channels[1] && group.len() <= self.convolution.group());
        assert!(self.convolution.points() * self.products.strides[0] <= y.len());
        let fits = |view: &View<_>, shape| {
            assert!(view.shape() == shape && self.channels[1] <= view.channels());
        };
        fits(&outputs.output, self.convolution.output_shape(self.input));
        for view in outputs.raw.iter().chain(&outputs.residual) {
            fits(view, self.output);
        }
        // Neighbouring tiles share windows of a max pool: a task takes all of them.
        let all = 0..self.tiles.len();
        let tasks = if pool { 1 } else { all.len() };
        crew.grid([tasks, group.len() / LINE], |tiles, lines| {
            let tiles = if pool { all.clone() } else { tiles };
            for_space!(self.convolution.kind, |X, N| to_pixels::<X, N>(
                isa, self, tiles, lines, &outputs
            ));
        });
    }
}

/// What products become.
struct Outputs<'a> {
    /// The products, and their first output channel.
    products: (Span<'a>, usize),
    residual: Option<View<Span<'a>>>,
    raw: Option<View<Span<'a>>>,
    output: View<Span<'a>>,
}

/// A tile in one frame, and a vector of its channels.
struct Patch<'a> {
    block: &'a Block<'a>,
    tile: Tile,
    frame: usize,
    channel: usize,
    /// Where its first point lies.
    at: usize,
}

/// A loop over constants. Where `$whole` holds, the body is written out as often as it runs: LLVM does not unroll bodies as long
/// as these, and what a loop indexes would have to be in memory. Not in portable form, which would take minutes to compile, nor
/// in debug builds, where each copy of the body has its own place on the stack.
macro_rules! each {
    ($whole:expr, $i:ident < $end:expr, $body:block) => {
        each!(@ $whole, $i $end, $body, 0 1 2 3 4 5 6)
    };
    (@ $whole:expr, $i:ident $end:expr, $body:block, $($k:literal)*) => {
        if $whole && !is_portable::<S>() && !cfg!(debug_assertions) {
            $(if $k < $end {
                let $i = $k;
                $body
            })*
        } else {
            for $i in 0..$end $body
        }
    };
}

kernel! {
    /// Pixels of some tiles and lines of channels to points, which belong to this task.
    fn to_points[X, N](
        block: &Block<'_>, tiles: Range<usize>, lines: Range<usize>, from: View<Span<'_>>, w: Span<'_>
    ) = tiles_to_points
}

#[inline(always)]
fn tiles_to_points<S: Simd, X: Axis, const N: usize>(
    s: S,
    block: &Block,
    tiles: Range<usize>,
    lines: Range<usize>,
    from: View<Span>,
    w: Span,
) {
    let (space, shape) = (X::ALGORITHM, block.input);
    for index in tiles {
        let tile = block.tiles[index];
        let [_, y, x] = tile.place;
        let corner = [y, x].map(|at| (at * space.outputs * space.stride).wrapping_sub(space.pad));
        let inside = |first: usize, extent: usize| first < extent && first + N <= extent;
        // Most tiles are whole, with all pixels inside the image: for them the transform is compiled without conditions.
        let whole = tile.points == [N; 2]
            && inside(corner[0], shape.height)
            && inside(corner[1], shape.width);
        for frame in 0..shape.frames {
            let at = block.points.at([0, index, frame]);
            for channel in (lines.start * LINE..lines.end * LINE).step_by(S::F32_LANES) {
                let patch = Patch {
                    block,
                    tile,
                    frame,
                    channel,
                    at: at + channel,
                };
                if whole {
                    patch.into_points::<S, X, N, true>(s, corner, from, w);
                } else {
                    patch.into_points::<S, X, N, false>(s, corner, from, w);
                }
            }
        }
    }
}

kernel! {
    /// Products to pixels of some tiles and lines of channels, which belong to this task.
    fn to_pixels[X, N](
        block: &Block<'_>, tiles: Range<usize>, lines: Range<usize>, outputs: &Outputs<'_>
    ) = tiles_to_pixels
}

#[inline(always)]
fn tiles_to_pixels<S: Simd, X: Axis, const N: usize>(
    s: S,
    block: &Block,
    tiles: Range<usize>,
    lines: Range<usize>,
    outputs: &Outputs,
) {
    let (space, shape) = (X::ALGORITHM, block.output);
    let (_, first) = outputs.products;
    for index in tiles {
        let tile = block.tiles[index];
        let [_, y, x] = tile.place;
        let ends = [y, x].map(|at| (at + 1) * space.outputs);
        let whole = tile.points == [N; 2] && ends[0] <= shape.height && ends[1] <= shape.width;
        for frame in 0..shape.frames {
            let at = block.products.at([0, index, frame]);
            for c in (lines.start * LINE..lines.end * LINE).step_by(S::F32_LANES) {
                let patch = Patch {
                    block,
                    tile,
                    frame,
                    channel: first + c,
                    at: at + c,
                };
                match (block.convolution.max_pool, whole) {
                    (false, true) => patch.into_pixels::<S, X, N, false, true>(s, outputs),
                    (false, false) => patch.into_pixels::<S, X, N, false, false>(s, outputs),
                    (true, true) => patch.into_pixels::<S, X, N, true, true>(s, outputs),
                    (true, false) => patch.into_pixels::<S, X, N, true, false>(s, outputs),
                }
            }
        }
    }
}

impl Patch<'_> {
    /// The corner is the first pixel, which may lie outside the image.
    #[inline(always)]
    fn into_points<S: Simd, X: Axis, const N: usize, const WHOLE: bool>(
        self,
        s: S,
        [top, left]: [usize; 2],
        from: View<Span>,
        w: Span,
    ) {
        let points = if WHOLE { [N; 2] } else { self.tile.points };
        let Shape { height, width, .. } = self.block.input;
        let [stride, _, ahead] = self.block.points.strides;
        let [_, _, row, pixel] = from.layout().strides;
        let corner = [self.tile.place[0], self.frame, top, left];
        let first = from.layout().at(corner).wrapping_add(self.channel);
        let none = [s.splat_f32s(0.0); N];
        let mut rows = [none; N];
        each!(WHOLE, j < N, {
            let mut column = none;
            for i in 0..N {
                if WHOLE || top.wrapping_add(i) < height && left.wrapping_add(j) < width {
                    let at = first.wrapping_add(i * row + j * pixel);
                    // SAFETY: a pixel inside the image.
                    column[i] = unsafe { from.data().load::<S>(at) };
                }
            }
            column = input::<X, S, N>(s, points[0], column);
            for i in 0..N {
                rows[i][j] = column[i];
            }
        });
        each!(WHOLE, i < N, {
            if i < points[0] {
                let values = input::<X, S, N>(s, points[1], rows[i]);
                let mut at = self.at + i * N * stride;
                for j in 0..N {
                    if j < points[1] {
                        w.prefetch(at + ahead);
                        // SAFETY: this tile's row of this point, which this task alone writes.
                        unsafe { w.store::<S>(at, values[j]) }
                        at += stride;
                    }
                }
            }
        });
    }

    /// To pixels or, where there is a max pool, to its windows.
    #[inline(always)]
    fn into_pixels<S: Simd, X: Axis, const N: usize, const POOL: bool, const WHOLE: bool>(
        self,
        s: S,
        outputs: &Outputs,
    ) {
        let (size, epilogue) = (X::ALGORITHM.outputs, &self.block.convolution.epilogue);
        let points = if WHOLE { [N; 2] } else { self.tile.points };
        let [item, y, x] = self.tile.place;
        let (top, left) = (y * size, x * size);
        let [rows, columns] = if WHOLE {
            [size; 2]
        } else {
            let Shape { height, width, .. } = self.block.output;
            [height - top, width - left].map(|rest| size.min(rest))
        };
        let (products, _) = outputs.products;
        let [stride, _, ahead] = self.block.products.strides;
        let none = [s.splat_f32s(0.0); N];
        let mut lines = [none; N];
        each!(WHOLE, j < N, {
            if j < points[1] {
                let mut column = none;
                let mut at = self.at + j * stride;
                for i in 0..N {
                    if i < points[0] {
                        products.prefetch(at + ahead);
                        // SAFETY: this tile's row of this point.
                        column[i] = unsafe { products.load::<S>(at) };
                        at += N * stride;
                    }
                }
                column = output::<X, S, N>(s, points[0], column);
                for i in 0..N {
                    lines[i][j] = column[i];
                }
            }
        });
        let (finisher, bias) = (
            epilogue.at::<S>(self.channel),
            load::<S>(&epilogue.bias, self.channel),
        );
        // Ends at a constant, so that a line stays in registers.
        macro_rules! columns {
            ($view:expr, $first:expr, |$j:ident, $data:ident, $at:ident| $body:expr) => {
                let first = $view.layout().at($first) + self.channel;
                let ($data, pixel, ahead) =
                    ($view.data(), $view.layout().strides[3], $view.ahead(size));
                each!(true, $j < size, {
                    if $j < columns {
                        let $at = first + $j * pixel;
                        $data.prefetch($at + ahead);
                        // SAFETY: a pixel inside the image, which this task alone writes.
                        unsafe { $body }
                    }
                });
            };
        }
        each!(WHOLE, i < size, {
            if i < rows {
                let mut line = output::<X, S, N>(s, points[1], lines[i]);
                let first = [item, self.frame, top + i, left];
                if let Some(view) = &outputs.residual {
                    columns!(view, first, |j, data, at| {
                        line[j] = s.add_f32s(line[j], data.load::<S>(at));
                    });
                }
                if let Some(view) = &outputs.raw {
                    columns!(view, first, |j, data, at| {
                        data.store::<S>(at, s.add_f32s(line[j], bias));
                    });
                }
                for j in 0..size {
                    line[j] = finisher.activate(s, line[j]);
                }
                if POOL {
                    self.pool::<S, N>(s, size, i, columns, line, &outputs.output);
                } else {
                    columns!(outputs.output, first, |j, data, at| {
                        data.store::<S>(at, line[j]);
                    });
                }
            }
        });
    }

    /// Takes line `i` of a tile with `size` lines, of which `columns` pixels lie inside the image, into the windows of a max
    /// pool. They have three lines and three columns, and are two apart. The first one begins in the tile above, or to the left.
    #[inline(always)]
    fn pool<S: Simd, const N: usize>(
        &self,
        s: S,
        size: usize,
        i: usize,
        columns: usize,
        mut line: [S::f32s; N],
        view: &View<Span>,
    ) {
        let ([item, y, x], Shape { height, width, .. }) = (self.tile.place, view.shape());
        for j in columns..size {
            line[j] = s.splat_f32s(f32::NEG_INFINITY);
        }
        for b in 0..=size / 2 {
            let mut largest = line[(2 * b).min(size - 1)];
            for j in (2 * b).saturating_sub(2)..(2 * b).min(size - 1) {
                largest = floor_at(s, largest, line[j]);
            }
            let column = (x * size / 2 + b).wrapping_sub(1);
            for a in i.div_ceil(2)..=i / 2 + 1 {
                let row = (y * size / 2 + a).wrapping_sub(1);
                if row < height && column < width {
                    let at = view.layout().at([item, self.frame, row, column]) + self.channel;
                    // SAFETY: a window inside the pooled image, whose channels this task alone uses.
                    unsafe {
                        let before = view.data().load::<S>(at);
                        view.data().store::<S>(at, floor_at(s, largest, before));
                    }
                }
            }
        }
    }
}
