//! The two transforms of a block's tiles: pixels to points, and products to pixels.

#![allow(unsafe_code, reason = "a kernel")]

use super::super::buffer::{LINE, Span};
use super::super::convolution::{Job, Kind, for_kind};
use super::super::simd::{
    Isa, NEAR, Simd, WithSimd, floor_at, is_portable, load, load_unchecked, prefetch,
};
use super::super::threads::{Crew, share};
use super::super::transforms::{Axis, F2x3, F4x3, F4x4, Identity, Stride2, Stride4, input, output};
use super::super::view::{Shape, View};
use super::{Block, Tile};
use std::marker::PhantomData;
use std::ops::Range;

/// What a transform reads and writes.
enum Work<'a> {
    /// Pixels to points.
    Inputs(View<&'a [f32]>, Span<'a>),
    /// Products, from this output channel on, to pixels.
    Outputs(&'a [f32], usize, &'a Job<'a, Span<'a>>),
}

impl Block<'_> {
    /// Pixels of `from` to the points `w`.
    ///
    /// # Panics
    /// When these are not the pixels the block was made for, or `w` is too short.
    pub fn inputs(&self, isa: Isa, crew: Crew, from: View<&[f32]>, w: &mut [f32]) {
        assert!(from.shape() == self.input && self.channels[0] <= from.channels());
        assert!(self.convolution.points() * self.strides[0] <= w.len());
        let work = Work::Inputs(from, Span::new(w));
        self.transform(isa, crew, self.tiles.len(), 0..self.channels[0], &work);
    }

    /// The products `y` of a group of output channels to the pixels of a job's outputs.
    ///
    /// # Panics
    /// When the group is none of [`Block::groups`], or the views have other extents than the convolution's output, or too few
    /// channels, or `y` is too short.
    pub fn outputs(&self, isa: Isa, crew: Crew, group: Range<usize>, y: &[f32], job: &mut Job) {
        let job = job.share();
        assert!(group.end <= self.channels[1] && group.len() <= self.convolution.group());
        assert!(self.convolution.points() * self.strides[1] <= y.len());
        let output = self.convolution.output_shape(self.input);
        assert!(self.fits(&job.output, output));
        assert!(job.raw.iter().all(|view| self.fits(view, self.output)));
        assert!(job.residual.iter().all(|view| self.fits(view, self.output)));
        // Neighbouring tiles share windows of a max pool: a task takes all of them.
        let tasks = if self.convolution.max_pool {
            1
        } else {
            self.tiles.len()
        };
        let work = Work::Outputs(y, group.start, &job);
        self.transform(isa, crew, tasks, group, &work);
    }

    fn fits<D>(&self, view: &View<D>, shape: Shape) -> bool {
        view.shape() == shape && self.channels[1] <= view.channels()
    }

    /// Work dealt out in parts of the tiles, this many, and in lines of these channels.
    fn transform(&self, isa: Isa, crew: Crew, parts: usize, channels: Range<usize>, work: &Work) {
        fn run<X: Axis, T: Axis, const N: usize, const M: usize>(
            block: &Block,
            isa: Isa,
            crew: Crew,
            parts: usize,
            channels: Range<usize>,
            work: &Work,
        ) {
            crew.grid([parts, channels.len() / LINE], |tiles, lines| {
                let first = share(block.tiles.len(), tiles.start, parts).start;
                let end = share(block.tiles.len(), tiles.end - 1, parts).end;
                let [start, stop] = [lines.start, lines.end].map(|i| channels.start + i * LINE);
                isa.run(Transform::<X, N> {
                    block,
                    work,
                    tiles: first..end,
                    channels: start..stop,
                    axis: PhantomData,
                });
            });
        }
        for_kind!(
            self.convolution.kind,
            run(self, isa, crew, parts, channels, work)
        );
    }
}

/// The transform of some channels of some tiles; `X` is the algorithm of both axes, `N` its points. What it writes belongs to
/// these channels of these tiles, and to this task; all that these tiles need is there.
struct Transform<'a, X, const N: usize> {
    block: &'a Block<'a>,
    work: &'a Work<'a>,
    tiles: Range<usize>,
    channels: Range<usize>,
    axis: PhantomData<X>,
}

impl<X: Axis, const N: usize> WithSimd for Transform<'_, X, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let tiles = &self.block.tiles[self.tiles.clone()];
        let tiles = self.tiles.clone().zip(tiles);
        match self.work {
            Work::Inputs(from, w) => {
                for (index, tile) in tiles {
                    self.inputs(s, from, *w, index, tile);
                }
            }
            Work::Outputs(y, first, job) => {
                for (index, tile) in tiles {
                    if self.block.convolution.max_pool {
                        self.outputs::<S, true>(s, (y, *first), job, index, tile);
                    } else {
                        self.outputs::<S, false>(s, (y, *first), job, index, tile);
                    }
                }
            }
        }
    }
}

/// A loop over constants. Where `whole`, its body stands as often as it is run: bodies as long as these would stay in a loop, and
/// what they index would have to be in memory. Not in portable form, which would take minutes to compile, nor in debug builds,
/// where each body has a place of its own on the stack.
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

impl<X: Axis, const N: usize> Transform<'_, X, N> {
    /// Pixels of a tile to points. Most tiles are whole, with all their pixels inside the image: for them it is compiled without
    /// questions.
    #[inline(always)]
    fn inputs<S: Simd>(&self, s: S, from: &View<&[f32]>, w: Span, index: usize, tile: &Tile) {
        let (space, shape) = (X::ALGORITHM, self.block.input);
        let [item, y, x] = tile.place;
        let corner = [y, x].map(|at| (at * space.outputs * space.stride).wrapping_sub(space.pad));
        let inside = |first: usize, extent: usize| first < extent && first + N <= extent;
        let whole = tile.points == [N; 2]
            && inside(corner[0], shape.height)
            && inside(corner[1], shape.width);
        for frame in 0..shape.frames {
            let row = index * shape.frames + frame;
            for c in self.channels.clone().step_by(S::F32_LANES) {
                let place = (item, frame, corner, c);
                if whole {
                    self.input::<S, true>(s, from, w, row, tile.points, place);
                } else {
                    self.input::<S, false>(s, from, w, row, tile.points, place);
                }
            }
        }
    }

    /// The same for one vector of channels in one frame.
    #[inline(always)]
    fn input<S: Simd, const WHOLE: bool>(
        &self,
        s: S,
        from: &View<&[f32]>,
        w: Span,
        row: usize,
        points: [usize; 2],
        (item, frame, [top, left], c): (usize, usize, [usize; 2], usize),
    ) {
        let points = if WHOLE { [N; 2] } else { points };
        let (channels, stride) = (self.block.channels[0], self.block.strides[0]);
        let Shape { height, width, .. } = self.block.input;
        let (line, pixel) = (from.row(), from.pixel());
        let shift = top
            .wrapping_mul(line)
            .wrapping_add(left.wrapping_mul(pixel));
        let first = (from.at([item, frame, 0, 0]) + c).wrapping_add(shift);
        let mut rows = [[s.splat_f32s(0.0); N]; N];
        let mut pixels = [[s.splat_f32s(0.0); N]; N];
        if !WHOLE {
            for j in 0..N {
                for i in 0..N {
                    if top.wrapping_add(i) < height && left.wrapping_add(j) < width {
                        let at = first.wrapping_add(i * line + j * pixel);
                        // SAFETY: a pixel inside the image.
                        pixels[j][i] = unsafe { load_unchecked::<S>(from.data(), at) };
                    }
                }
            }
        }
        each!(WHOLE, j < N, {
            let mut column = pixels[j];
            if WHOLE {
                for i in 0..N {
                    let at = first.wrapping_add(i * line + j * pixel);
                    // SAFETY: a pixel inside the image.
                    column[i] = unsafe { load_unchecked::<S>(from.data(), at) };
                }
            }
            column = input::<X, S, N>(s, points[0], column);
            for i in 0..N {
                rows[i][j] = column[i];
            }
        });
        let to = row * channels + c;
        each!(WHOLE, i < N, {
            if i < points[0] {
                let values = input::<X, S, N>(s, points[1], rows[i]);
                let mut at = to + i * N * stride;
                for j in 0..N {
                    if j < points[1] {
                        prefetch::<NEAR>(w.pointer(at + channels));
                        // SAFETY: this tile's row of this point, which this task alone writes.
                        unsafe { w.store::<S>(at, values[j]) }
                        at += stride;
                    }
                }
            }
        });
    }

    /// Products of a tile to pixels, or to the windows of a max pool; likewise compiled for whole tiles.
    #[inline(always)]
    fn outputs<S: Simd, const POOL: bool>(
        &self,
        s: S,
        products: (&[f32], usize),
        job: &Job<Span>,
        index: usize,
        tile: &Tile,
    ) {
        let (space, shape) = (X::ALGORITHM, self.block.output);
        let [_, y, x] = tile.place;
        let end = [(y + 1) * space.outputs, (x + 1) * space.outputs];
        let whole = tile.points == [N; 2] && end[0] <= shape.height && end[1] <= shape.width;
        for frame in 0..shape.frames {
            let row = index * shape.frames + frame;
            for c in self.channels.clone().step_by(S::F32_LANES) {
                if whole {
                    self.output::<S, POOL, true>(s, products, job, row, tile, (frame, c));
                } else {
                    self.output::<S, POOL, false>(s, products, job, row, tile, (frame, c));
                }
            }
        }
    }

    /// The same for one vector of channels in one frame.
    #[inline(always)]
    fn output<S: Simd, const POOL: bool, const WHOLE: bool>(
        &self,
        s: S,
        (products, first_channel): (&[f32], usize),
        job: &Job<Span>,
        row: usize,
        tile: &Tile,
        (frame, c): (usize, usize),
    ) {
        let space = X::ALGORITHM;
        let points = if WHOLE { [N; 2] } else { tile.points };
        let [item, y, x] = tile.place;
        let (top, left) = (y * space.outputs, x * space.outputs);
        let [rows, columns] = if WHOLE {
            [space.outputs; 2]
        } else {
            let Shape { height, width, .. } = self.block.output;
            [height - top, width - left].map(|rest| space.outputs.min(rest))
        };
        let (channels, stride) = (self.block.convolution.group(), self.block.strides[1]);
        let none = [s.splat_f32s(0.0); N];
        let mut lines = [none; N];
        let from = row * channels + c - first_channel;
        each!(WHOLE, j < N, {
            if j < points[1] {
                let mut column = none;
                let mut at = from + j * stride;
                for i in 0..N {
                    if i < points[0] {
                        prefetch::<NEAR>(products.as_ptr().wrapping_add(at + channels));
                        // SAFETY: this tile's row of this point.
                        column[i] = unsafe { load_unchecked::<S>(products, at) };
                        at += N * stride;
                    }
                }
                column = output::<X, S, N>(s, points[0], column);
                for i in 0..N {
                    lines[i][j] = column[i];
                }
            }
        });
        let epilogue = &self.block.convolution.epilogue;
        let finisher = epilogue.at::<S>(c);
        let mut windows = [[s.splat_f32s(f32::NEG_INFINITY); N]; N];
        each!(WHOLE, i < space.outputs, {
            if i < rows {
                let mut line = output::<X, S, N>(s, points[1], lines[i]);
                let first = [item, frame, top + i, left];
                // SAFETY: pixels of this tile inside the image, which this task alone writes.
                unsafe {
                    if let Some(view) = &job.residual {
                        let (first, ahead) = (view.at(first) + c, view.ahead(space.outputs));
                        for j in 0..space.outputs {
                            if j < columns {
                                let at = first + j * view.pixel();
                                prefetch::<NEAR>(view.data().as_ptr().wrapping_add(at + ahead));
                                line[j] = s.add_f32s(line[j], load_unchecked::<S>(view.data(), at));
                            }
                        }
                    }
                    if let Some(view) = &job.raw {
                        let (mut raw, bias) = (line, load::<S>(&epilogue.bias, c));
                        for j in 0..space.outputs {
                            raw[j] = s.add_f32s(raw[j], bias);
                        }
                        put::<X, S, N>(view, first, c, columns, raw);
                    }
                    for j in 0..space.outputs {
                        line[j] = finisher.activate(s, line[j]);
                    }
                    if !POOL {
                        put::<X, S, N>(&job.output, first, c, columns, line);
                    }
                }
                if POOL {
                    for j in 0..space.outputs {
                        if j >= columns {
                            line[j] = s.splat_f32s(f32::NEG_INFINITY);
                        }
                    }
                    let line = maxima(s, space.outputs, line);
                    for b in 0..N {
                        if b <= space.outputs / 2 {
                            windows[b][i] = line[b];
                        }
                    }
                }
            }
        });
        if POOL {
            let (view, Shape { height, width, .. }) = (&job.output, job.output.shape());
            each!(WHOLE, b < N, {
                if b <= space.outputs / 2 {
                    let column = maxima(s, space.outputs, windows[b]);
                    for a in 0..N {
                        if a <= space.outputs / 2 {
                            // The first window begins in the tile above, or to the left.
                            let [y, x] = [top / 2 + a, left / 2 + b].map(|at| at.wrapping_sub(1));
                            if y < height && x < width {
                                let at = view.at([item, frame, y, x]) + c;
                                // SAFETY: a window inside the pooled image, whose channels this task alone reads and writes.
                                unsafe {
                                    let before = view.data().load::<S>(at);
                                    view.data().store::<S>(at, floor_at(s, column[a], before));
                                }
                            }
                        }
                    }
                }
            });
        }
    }
}

/// Writes the first `columns` pixels of a tile's line, and brings near what is written after them.
///
/// # Safety
/// They lie in the image, and no other thread writes these channels of them.
#[inline(always)]
unsafe fn put<X: Axis, S: Simd, const N: usize>(
    view: &View<Span>,
    first: [usize; 4],
    c: usize,
    columns: usize,
    line: [S::f32s; N],
) {
    let (first, ahead) = (view.at(first) + c, view.ahead(X::ALGORITHM.outputs));
    // Ends at a constant, so that the line stays in registers.
    each!(true, j < X::ALGORITHM.outputs, {
        if j < columns {
            let at = first + j * view.pixel();
            prefetch::<NEAR>(view.data().pointer(at + ahead));
            // SAFETY: a pixel of the image that this thread alone writes (contract).
            unsafe { view.data().store::<S>(at, line[j]) }
        }
    });
}

/// The maxima of the windows of a max pool, along one axis, as far as they lie in a tile of `outputs` pixels: three pixels,
/// the first of them ending with the tile's first pixel, and each beginning two after the one before.
#[inline(always)]
fn maxima<S: Simd, const N: usize>(s: S, outputs: usize, pixels: [S::f32s; N]) -> [S::f32s; N] {
    let mut windows = [pixels[0]; N];
    for a in 1..=outputs / 2 {
        windows[a] = floor_at(s, pixels[2 * a - 1], pixels[2 * a - 2]);
        if 2 * a < outputs {
            windows[a] = floor_at(s, pixels[2 * a], windows[a]);
        }
    }
    windows
}
