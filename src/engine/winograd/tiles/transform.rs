//! The two transforms of a block's tiles: pixels to points, and products to pixels.

#![allow(unsafe_code, reason = "a kernel")]

use super::super::buffer::{LINE, Span};
use super::super::convolution::{Job, Kind, for_kind};
use super::super::gemm::Finisher;
use super::super::simd::{Isa, Simd, WithSimd, load_unchecked};
use super::super::threads::Crew;
use super::super::transforms::{Axis, F2x3, F4x3, F4x4, Identity, MOST, Stride2, input, output};
use super::super::view::{Shape, View};
use super::{Block, Tile};
use std::iter::once;
use std::marker::PhantomData;
use std::ops::Range;

/// A value for each point, or output, of one axis, of two, of three.
type Line<V> = [V; MOST];
type Plane<V> = Line<Line<V>>;
type Volume<V> = Line<Plane<V>>;

/// What starts on a page of memory. A load waits for the stores before it whose place within a page is the same, so where on
/// the stack a window happened to lie would make up to a fifth of its transform's time.
#[repr(align(4096))]
struct Page<T>(T);

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
                isa.run(Transform::<X, T> {
                    block,
                    work,
                    tiles,
                    channels: lines.start * LINE..lines.end * LINE,
                    axes: PhantomData,
                });
            });
        }
        for_kind!(self.convolution.kind, run(self, isa, crew, channels, work));
    }
}

/// The transform of some channels of some tiles; `X` is the algorithm of both spatial axes, `T` that of time. What it writes
/// belongs to these channels of these tiles, and to this task; all that these tiles need is there.
struct Transform<'a, X, T> {
    block: &'a Block<'a>,
    work: &'a Work<'a>,
    tiles: Range<usize>,
    channels: Range<usize>,
    axes: PhantomData<(X, T)>,
}

impl<X: Axis, T: Axis> WithSimd for Transform<'_, X, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let points = [X::ALGORITHM.points; 2];
        let Page(memory) = &mut Page::<Volume<S::f32s>>([[[s.splat_f32s(0.0); MOST]; MOST]; MOST]);
        let tiles = &self.block.tiles[self.tiles.clone()];
        for (index, &tile) in self.tiles.clone().zip(tiles) {
            for c in self.channels.clone().step_by(S::F32_LANES) {
                // Compiled twice, once for the points of a whole tile.
                if tile.points == points {
                    self.tile(s, index, Tile { points, ..tile }, c, memory);
                } else {
                    self.tile(s, index, tile, c, memory);
                }
            }
        }
    }
}

impl<X: Axis, T: Axis> Transform<'_, X, T> {
    #[inline(always)]
    fn tile<S: Simd>(&self, s: S, i: usize, tile: Tile, c: usize, memory: &mut Volume<S::f32s>) {
        let row = i * self.block.depth;
        match self.work {
            Work::Inputs(from, v) => self.input(s, (from, *v), tile, row, c, memory),
            Work::Outputs(m, job) => self.output(s, (m, job), tile, row, c, memory),
        }
    }

    /// Keeps the tile's frames in `window`.
    #[inline(always)]
    fn input<S: Simd>(
        &self,
        s: S,
        (from, v): (&View<&[f32]>, Span),
        tile: Tile,
        row: usize,
        c: usize,
        window: &mut Volume<S::f32s>,
    ) {
        let (space, time) = (X::ALGORITHM, T::ALGORITHM);
        let block = self.block;
        let step = time.outputs * time.stride;
        let zero = s.splat_f32s(0.0);
        for t in 0..block.depth {
            // Frames that this tile shares with the one before are transformed already.
            let known = if t == 0 {
                0
            } else {
                time.points.saturating_sub(step)
            };
            for k in known..time.points {
                let frame = (t * step + k).wrapping_sub(time.pad);
                let slot = (t * step + k) % time.points;
                if frame < block.input.frames {
                    plane::<X, S>(s, from, tile, (frame, c), &mut window[slot]);
                } else {
                    window[slot] = [[zero; MOST]; MOST];
                }
            }
            let row = (row + t) * block.channels[0] + c;
            for i in 0..tile.points[0] {
                for j in 0..tile.points[1] {
                    let mut column = [zero; MOST];
                    for k in 0..time.points {
                        column[k] = window[(t * step + k) % time.points][i][j];
                    }
                    column = input::<T, S>(s, time.points, column);
                    for k in 0..time.points {
                        let point = (k * space.points + i) * space.points + j;
                        let at = point * block.strides[0] + row;
                        // SAFETY: this tile's row of this point, which this task alone writes.
                        unsafe { v.store::<S>(at, column[k]) }
                    }
                }
            }
        }
    }

    /// Gathers the tile's frames in `columns`.
    #[inline(always)]
    fn output<S: Simd>(
        &self,
        s: S,
        (m, job): (&[f32], &Job<Span>),
        tile: Tile,
        row: usize,
        c: usize,
        columns: &mut Volume<S::f32s>,
    ) {
        let (space, time) = (X::ALGORITHM, T::ALGORITHM);
        let block = self.block;
        let zero = s.splat_f32s(0.0);
        let finisher = block.convolution.epilogue.at::<S>(c);
        for t in 0..block.depth {
            let row = (row + t) * block.channels[1] + c;
            for j in 0..tile.points[1] {
                let mut lines = [[zero; MOST]; MOST];
                for i in 0..tile.points[0] {
                    let mut column = [zero; MOST];
                    for k in 0..time.points {
                        let point = (k * space.points + i) * space.points + j;
                        let at = point * block.strides[1] + row;
                        // SAFETY: this tile's row of this point.
                        column[k] = unsafe { load_unchecked::<S>(m, at) };
                    }
                    column = output::<T, S>(s, time.points, column);
                    for k in 0..time.outputs {
                        lines[k][i] = column[k];
                    }
                }
                for k in 0..time.outputs {
                    columns[k][j] = output::<X, S>(s, tile.points[0], lines[k]);
                }
            }
            let first = t * time.outputs;
            for k in 0..time.outputs.min(block.output.frames - first) {
                let at = (first + k, c);
                finish::<X, S>(s, block.output, job, tile, at, finisher, &columns[k]);
            }
        }
    }
}

/// `X`'s transform along both axes of a tile's pixels in one frame.
#[inline(always)]
fn plane<X: Axis, S: Simd>(
    s: S,
    from: &View<&[f32]>,
    tile: Tile,
    (frame, c): (usize, usize),
    points: &mut Plane<S::f32s>,
) {
    let space = X::ALGORITHM;
    let Shape { height, width, .. } = from.shape();
    let [item, y, x] = tile.place;
    let [top, left] = [y, x].map(|at| (at * space.outputs * space.stride).wrapping_sub(space.pad));
    let inside = |first: usize, extent: usize| first < extent && first + space.points <= extent;
    let inside = inside(top, height) && inside(left, width);
    let (pixel, row) = (from.pixel(), from.row());
    let shift = top.wrapping_mul(row).wrapping_add(left.wrapping_mul(pixel));
    let first = (from.at([item, frame, 0, 0]) + c).wrapping_add(shift);
    let none = [s.splat_f32s(0.0); MOST];
    let mut columns = [none; MOST];
    for j in 0..space.points {
        let mut column = none;
        for i in 0..space.points {
            if inside || (top.wrapping_add(i) < height && left.wrapping_add(j) < width) {
                let at = first.wrapping_add(i * row + j * pixel);
                // SAFETY: a pixel inside the image.
                column[i] = unsafe { load_unchecked::<S>(from.data(), at) };
            }
        }
        column = input::<X, S>(s, tile.points[0], column);
        for i in 0..space.points {
            columns[i][j] = column[i];
        }
    }
    for i in 0..space.points {
        let line = input::<X, S>(s, tile.points[1], columns[i]);
        points[i][..space.points].copy_from_slice(&line[..space.points]);
    }
}

/// Transforms a tile's plane along both axes and writes its pixels, as far as the `image` goes.
#[inline(always)]
fn finish<X: Axis, S: Simd>(
    s: S,
    image: Shape,
    job: &Job<Span>,
    tile: Tile,
    (frame, c): (usize, usize),
    finisher: Finisher<S>,
    columns: &Plane<S::f32s>,
) {
    let space = X::ALGORITHM;
    let [item, y, x] = tile.place;
    let (top, left) = (y * space.outputs, x * space.outputs);
    for i in 0..space.outputs {
        if top + i >= image.height {
            break;
        }
        let mut row = [s.splat_f32s(0.0); MOST];
        for j in 0..space.points {
            row[j] = columns[j][i];
        }
        row = output::<X, S>(s, tile.points[1], row);
        for j in 0..space.outputs {
            if left + j >= image.width {
                break;
            }
            let at = [item, frame, top + i, left + j];
            let mut value = s.add_f32s(row[j], finisher.bias);
            // SAFETY: pixels of this tile inside the image, which this task alone writes.
            unsafe {
                if let Some(view) = &job.residual {
                    value = s.add_f32s(value, load_unchecked::<S>(view.data(), view.at(at) + c));
                }
                if let Some(view) = &job.raw {
                    view.data().store::<S>(view.at(at) + c, value);
                }
                let value = finisher.activate(s, value);
                job.output.data().store::<S>(job.output.at(at) + c, value);
            }
        }
    }
}
