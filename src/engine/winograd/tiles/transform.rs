//! The two transforms of a block's tiles: pixels to points, and products to pixels.

#![allow(unsafe_code, reason = "a kernel")]

use super::super::buffer::{LINE, Span};
use super::super::convolution::{Job, Kind, for_kind};
use super::super::simd::{Isa, NEAR, Simd, WithSimd, load_unchecked, prefetch};
use super::super::threads::Crew;
use super::super::transforms::{Axis, F2x3, F4x3, F4x4, Identity, MOST, Stride2, input, output};
use super::super::view::{Shape, View};
use super::{Block, Tile};
use std::iter::once;
use std::marker::PhantomData;
use std::ops::Range;

/// What a transform reads and writes.
enum Work<'a> {
    /// Pixels to points.
    Inputs(View<&'a [f32]>, Span<'a>),
    /// Products to pixels.
    Outputs(&'a [f32], &'a Job<'a, Span<'a>>),
}

impl Block<'_> {
    /// Pixels of `from` to the points `v`.
    ///
    /// # Panics
    /// When these are not the pixels the block was made for.
    pub fn inputs(&self, isa: Isa, crew: Crew, from: View<&[f32]>, v: &mut [f32]) {
        assert!(from.shape() == self.input && self.channels[0] <= from.channels());
        assert!(self.convolution.points() * self.strides[0] <= v.len());
        let work = Work::Inputs(from, Span::new(v));
        self.transform(isa, crew, self.channels[0], &work);
    }

    /// The products `m` to the pixels of a job's outputs.
    ///
    /// # Panics
    /// When the views have other extents than the convolution's output, or too few channels.
    pub fn outputs(&self, isa: Isa, crew: Crew, m: &[f32], job: &mut Job) {
        let job = job.share();
        assert!(self.convolution.points() * self.strides[1] <= m.len());
        let mut written = once(&job.output).chain(&job.raw);
        assert!(written.all(|view| self.fits(view)));
        assert!(job.residual.iter().all(|view| self.fits(view)));
        self.transform(isa, crew, self.channels[1], &Work::Outputs(m, &job));
    }

    fn fits<D>(&self, output: &View<D>) -> bool {
        output.shape() == self.output && self.channels[1] <= output.channels()
    }

    fn transform(&self, isa: Isa, crew: Crew, channels: usize, work: &Work) {
        fn run<X: Axis, T: Axis>(
            block: &Block,
            isa: Isa,
            crew: Crew,
            channels: usize,
            work: &Work,
        ) {
            crew.grid([block.tiles.len(), channels / LINE], |tiles, lines| {
                isa.run(Transform::<X> {
                    block,
                    work,
                    tiles,
                    channels: lines.start * LINE..lines.end * LINE,
                    axis: PhantomData,
                });
            });
        }
        for_kind!(self.convolution.kind, run(self, isa, crew, channels, work));
    }
}

/// The transform of some channels of some tiles; `X` is the algorithm of both axes. What it writes belongs to these channels
/// of these tiles, and to this task; all that these tiles need is there.
struct Transform<'a, X> {
    block: &'a Block<'a>,
    work: &'a Work<'a>,
    tiles: Range<usize>,
    channels: Range<usize>,
    axis: PhantomData<X>,
}

impl<X: Axis> WithSimd for Transform<'_, X> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let points = [X::ALGORITHM.points; 2];
        let frames = match self.work {
            Work::Inputs(..) => self.block.input.frames,
            Work::Outputs(..) => self.block.output.frames,
        };
        let tiles = &self.block.tiles[self.tiles.clone()];
        for (index, &tile) in self.tiles.clone().zip(tiles) {
            for frame in 0..frames {
                let row = index * frames + frame;
                for c in self.channels.clone().step_by(S::F32_LANES) {
                    // Compiled twice, once for the points of a whole tile.
                    if tile.points == points {
                        self.tile(s, row, Tile { points, ..tile }, (frame, c));
                    } else {
                        self.tile(s, row, tile, (frame, c));
                    }
                }
            }
        }
    }
}

impl<X: Axis> Transform<'_, X> {
    #[inline(always)]
    fn tile<S: Simd>(&self, s: S, row: usize, tile: Tile, at: (usize, usize)) {
        match self.work {
            Work::Inputs(from, w) => self.input(s, from, *w, row, tile, at),
            Work::Outputs(y, job) => self.output(s, y, job, row, tile, at),
        }
    }

    #[inline(always)]
    fn input<S: Simd>(
        &self,
        s: S,
        from: &View<&[f32]>,
        w: Span,
        row: usize,
        tile: Tile,
        (frame, c): (usize, usize),
    ) {
        let space = X::ALGORITHM;
        let (channels, stride) = (self.block.channels[0], self.block.strides[0]);
        let (pixel, line, data) = (from.pixel(), from.row(), from.data());
        let Shape { height, width, .. } = from.shape();
        let [item, y, x] = tile.place;
        let corner = |at: usize| (at * space.outputs * space.stride).wrapping_sub(space.pad);
        let (top, left) = (corner(y), corner(x));
        let shift = top
            .wrapping_mul(line)
            .wrapping_add(left.wrapping_mul(pixel));
        let first = (from.at([item, frame, 0, 0]) + c).wrapping_add(shift);
        let inside = |first: usize, extent: usize| first < extent && first + space.points <= extent;
        let none = [s.splat_f32s(0.0); MOST];
        let mut pixels = [none; MOST];
        if inside(top, height) && inside(left, width) {
            for j in 0..space.points {
                for i in 0..space.points {
                    let at = first.wrapping_add(i * line + j * pixel);
                    // SAFETY: a pixel inside the image.
                    pixels[j][i] = unsafe { load_unchecked::<S>(data, at) };
                }
            }
        } else {
            for j in 0..space.points {
                for i in 0..space.points {
                    if top.wrapping_add(i) < height && left.wrapping_add(j) < width {
                        let at = first.wrapping_add(i * line + j * pixel);
                        // SAFETY: a pixel inside the image.
                        pixels[j][i] = unsafe { load_unchecked::<S>(data, at) };
                    }
                }
            }
        }
        let mut columns = [none; MOST];
        for j in 0..space.points {
            let column = input::<X, S>(s, tile.points[0], pixels[j]);
            for i in 0..space.points {
                columns[i][j] = column[i];
            }
        }
        let to = row * channels + c;
        for i in 0..tile.points[0] {
            let points = input::<X, S>(s, tile.points[1], columns[i]);
            let mut at = to + i * space.points * stride;
            for j in 0..tile.points[1] {
                prefetch::<NEAR>(w.pointer(at + channels));
                // SAFETY: this tile's row of this point, which this task alone writes.
                unsafe { w.store::<S>(at, points[j]) }
                at += stride;
            }
        }
    }

    #[inline(always)]
    fn output<S: Simd>(
        &self,
        s: S,
        products: &[f32],
        job: &Job<Span>,
        row: usize,
        tile: Tile,
        (frame, c): (usize, usize),
    ) {
        let (space, image) = (X::ALGORITHM, self.block.output);
        let (channels, stride) = (self.block.channels[1], self.block.strides[1]);
        let none = [s.splat_f32s(0.0); MOST];
        let mut lines = [none; MOST];
        let from = row * channels + c;
        for j in 0..tile.points[1] {
            let mut column = none;
            let mut at = from + j * stride;
            for i in 0..tile.points[0] {
                prefetch::<NEAR>(products.as_ptr().wrapping_add(at + channels));
                // SAFETY: this tile's row of this point.
                column[i] = unsafe { load_unchecked::<S>(products, at) };
                at += space.points * stride;
            }
            column = output::<X, S>(s, tile.points[0], column);
            for i in 0..space.outputs {
                lines[i][j] = column[i];
            }
        }
        let finisher = self.block.convolution.epilogue.at::<S>(c);
        let [item, y, x] = tile.place;
        let (top, left) = (y * space.outputs, x * space.outputs);
        let columns = space.outputs.min(image.width - left);
        for i in 0..space.outputs.min(image.height - top) {
            let mut line = output::<X, S>(s, tile.points[1], lines[i]);
            let first = [item, frame, top + i, left];
            for j in 0..columns {
                line[j] = s.add_f32s(line[j], finisher.bias);
            }
            let output = &job.output;
            // SAFETY: pixels of this tile inside the image, which this task alone writes.
            unsafe {
                if let Some(view) = &job.residual {
                    for j in 0..columns {
                        let at = view.at(first) + j * view.pixel() + c;
                        let near = at + view.ahead(space.outputs);
                        prefetch::<NEAR>(view.data().as_ptr().wrapping_add(near));
                        line[j] = s.add_f32s(line[j], load_unchecked::<S>(view.data(), at));
                    }
                }
                if let Some(view) = &job.raw {
                    for j in 0..columns {
                        let at = view.at(first) + j * view.pixel() + c;
                        prefetch::<NEAR>(view.data().pointer(at + view.ahead(space.outputs)));
                        view.data().store::<S>(at, line[j]);
                    }
                }
                for j in 0..columns {
                    let at = output.at(first) + j * output.pixel() + c;
                    prefetch::<NEAR>(output.data().pointer(at + output.ahead(space.outputs)));
                    output.data().store::<S>(at, finisher.activate(s, line[j]));
                }
            }
        }
    }
}
