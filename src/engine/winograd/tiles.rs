//! The two transforms of a tile: pixels to points, and products to pixels.

use super::convolution::{Block, Tile};
use super::gemm::Finisher;
use super::simd::{Simd, WithSimd};
use super::transforms::{Axis, MOST, input, output};
use super::view::{Shape, View};
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

/// Which of the two.
#[derive(Clone, Copy)]
pub enum Side {
    /// Pixels to points.
    Inputs,
    /// Products to pixels.
    Outputs,
}

/// The transform of some channels of some tiles; `X` is the algorithm of both spatial axes, `T` that of time.
pub struct Tiles<'a, X, T> {
    /// The block they belong to.
    pub block: &'a Block<'a>,
    /// Which transform.
    pub side: Side,
    /// Which tiles of the block.
    pub tiles: Range<usize>,
    /// Which channels.
    pub channels: Range<usize>,
    /// Space and time.
    pub axes: PhantomData<(X, T)>,
}

impl<X: Axis, T: Axis> WithSimd for Tiles<'_, X, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let points = [X::ALGORITHM.points; 2];
        let Page(memory) = &mut Page::<Volume<S::f32s>>([[[s.splat_f32s(0.0); MOST]; MOST]; MOST]);
        for &tile in &self.block.tiles[self.tiles.clone()] {
            for c in self.channels.clone().step_by(S::F32_LANES) {
                // Compiled twice, once for the points of a whole tile.
                if tile.points == points {
                    self.transform(s, Tile { points, ..tile }, c, memory);
                } else {
                    self.transform(s, tile, c, memory);
                }
            }
        }
    }
}

impl<X: Axis, T: Axis> Tiles<'_, X, T> {
    #[inline(always)]
    fn transform<S: Simd>(&self, s: S, tile: Tile, c: usize, memory: &mut Volume<S::f32s>) {
        match self.side {
            Side::Inputs => self.input(s, tile, c, memory),
            Side::Outputs => self.output(s, tile, c, memory),
        }
    }

    /// Keeps the tile's frames in `window`.
    #[inline(always)]
    fn input<S: Simd>(&self, s: S, tile: Tile, c: usize, window: &mut Volume<S::f32s>) {
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
                if frame < block.job.shape.frames {
                    plane::<X, S>(s, block, tile, (frame, c), &mut window[slot]);
                } else {
                    window[slot] = [[zero; MOST]; MOST];
                }
            }
            let row = (tile.row + t) * block.channels[0] + c;
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
                        // SAFETY: this tile's row of this point is written here and nowhere else.
                        unsafe { block.v.store::<S>(at, column[k]) }
                    }
                }
            }
        }
    }

    /// Gathers the tile's frames in `columns`.
    #[inline(always)]
    fn output<S: Simd>(&self, s: S, tile: Tile, c: usize, columns: &mut Volume<S::f32s>) {
        let (space, time) = (X::ALGORITHM, T::ALGORITHM);
        let block = self.block;
        let zero = s.splat_f32s(0.0);
        let finisher = block.convolution.epilogue.at::<S>(c);
        for t in 0..block.depth {
            let row = (tile.row + t) * block.channels[1] + c;
            for j in 0..tile.points[1] {
                let mut lines = [[zero; MOST]; MOST];
                for i in 0..tile.points[0] {
                    let mut column = [zero; MOST];
                    for k in 0..time.points {
                        let point = (k * space.points + i) * space.points + j;
                        // SAFETY: the products are complete; nobody writes them meanwhile.
                        column[k] = unsafe { block.m.load::<S>(point * block.strides[1] + row) };
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
                finish::<X, S>(s, block, tile, at, finisher, &columns[k]);
            }
        }
    }
}

/// `X`'s transform along both axes of a tile's pixels in one frame.
#[inline(always)]
fn plane<X: Axis, S: Simd>(
    s: S,
    block: &Block,
    tile: Tile,
    (frame, c): (usize, usize),
    points: &mut Plane<S::f32s>,
) {
    let space = X::ALGORITHM;
    let Shape { height, width, .. } = block.job.shape;
    let [item, y, x] = tile.place;
    let [top, left] = [y, x].map(|at| (at * space.outputs * space.stride).wrapping_sub(space.pad));
    let view = block.job.input;
    let [pixel, row, ..] = view.strides;
    let shift = top.wrapping_mul(row).wrapping_add(left.wrapping_mul(pixel));
    let first = (view.at(item, frame, 0, 0) + c).wrapping_add(shift);
    let inside = |top: usize, extent: usize| top < extent && top + space.points <= extent;
    let inside = inside(top, height) && inside(left, width);
    let none = [s.splat_f32s(0.0); MOST];
    let mut columns = [none; MOST];
    for j in 0..space.points {
        let mut column = none;
        // SAFETY: these pixels lie inside the image, which nobody writes meanwhile.
        unsafe {
            if inside {
                for i in 0..space.points {
                    column[i] = view.span.load::<S>(first + i * row + j * pixel);
                }
            } else if left.wrapping_add(j) < width {
                for i in 0..space.points {
                    if top.wrapping_add(i) < height {
                        column[i] = view.span.load::<S>(first.wrapping_add(i * row + j * pixel));
                    }
                }
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

/// Transforms a tile's plane along both axes and writes its pixels, as far as the image goes.
#[inline(always)]
fn finish<X: Axis, S: Simd>(
    s: S,
    block: &Block,
    tile: Tile,
    (frame, c): (usize, usize),
    finisher: Finisher<S>,
    columns: &Plane<S::f32s>,
) {
    let space = X::ALGORITHM;
    let [item, y, x] = tile.place;
    let (top, left) = (y * space.outputs, x * space.outputs);
    let Shape { height, width, .. } = block.output;
    for i in 0..space.outputs {
        if top + i >= height {
            break;
        }
        let mut row = [s.splat_f32s(0.0); MOST];
        for j in 0..space.points {
            row[j] = columns[j][i];
        }
        row = output::<X, S>(s, tile.points[1], row);
        let at = |view: View| view.at(item, frame, top + i, left) + c;
        // The common case with a constant width, so that the loop over its pixels disappears.
        if left + space.outputs <= width {
            write(s, block, at, finisher, row, space.outputs);
        } else {
            write(s, block, at, finisher, row, width - left);
        }
    }
}

/// Finishes and writes `width` neighbouring pixels, the first of which lies at `at(view)`.
#[inline(always)]
fn write<S: Simd>(
    s: S,
    block: &Block,
    at: impl Fn(View) -> usize,
    finisher: Finisher<S>,
    mut row: Line<S::f32s>,
    width: usize,
) {
    let job = &block.job;
    // SAFETY: pixels of this tile inside the image, which belong to this task alone.
    unsafe {
        for j in 0..width {
            row[j] = s.add_f32s(row[j], finisher.bias);
        }
        if let Some(view) = job.residual {
            let (at, pixel) = (at(view), view.strides[0]);
            for j in 0..width {
                row[j] = s.add_f32s(row[j], view.span.load::<S>(at + j * pixel));
            }
        }
        if let Some(view) = job.raw {
            let (at, pixel) = (at(view), view.strides[0]);
            for j in 0..width {
                view.span.store::<S>(at + j * pixel, row[j]);
            }
        }
        let (at, pixel) = (at(job.output), job.output.strides[0]);
        for j in 0..width {
            let value = finisher.activate(s, row[j]);
            job.output.span.store::<S>(at + j * pixel, value);
        }
    }
}
