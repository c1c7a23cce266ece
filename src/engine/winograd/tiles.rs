//! The two transforms of a tile: pixels to points, and products to pixels.

use super::buffer::{Span, View};
use super::convolution::{Block, Convolution, Job, Output, Place, Shape};
use super::gemm::Finisher;
use super::simd::{Simd, WithSimd};
use super::transforms::{Algorithm, Array};
use std::marker::PhantomData;
use std::ops::Range;

/// `[points]^2` vectors.
type Plane<X, V> = <X as Algorithm>::Points<<X as Algorithm>::Points<V>>;

/// The plane that holds `value` everywhere.
#[inline(always)]
fn plane<X: Algorithm, V: Copy>(value: V) -> Plane<X, V> {
    X::Points::fill(X::Points::fill(value))
}

/// Input transform of one spatial tile, all its frames, some channels.
pub struct InputTile<'a, X, T> {
    /// What is computed.
    pub job: &'a Job<'a>,
    /// Where in it.
    pub block: &'a Block,
    /// Which tile.
    pub place: Place,
    /// Which channels.
    pub channels: Range<usize>,
    /// Channels per row of the points.
    pub padded: usize,
    /// Receives the points.
    pub v: Span<'a>,
    /// Position of this tile's first row within a point.
    pub origin: usize,
    /// Space and time.
    pub algorithms: PhantomData<(X, T)>,
}

impl<X: Algorithm, T: Algorithm> WithSimd for InputTile<'_, X, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Shape {
            frames,
            height,
            width,
            ..
        } = self.job.shape;
        let view = self.job.input;
        // Where each pixel of the tile lies in frame 0; outside the image: nowhere.
        let position = |tile: usize, i: usize, extent: usize| {
            let at = (tile * X::OUTPUTS * X::STRIDE + i).wrapping_sub(X::PAD);
            (at < extent).then_some(at)
        };
        let mut pixels: Plane<X, usize> = plane::<X, _>(OUTSIDE);
        for i in 0..X::POINTS {
            for j in 0..X::POINTS {
                if let (Some(y), Some(x)) = (
                    position(self.place.y, i, height),
                    position(self.place.x, j, width),
                ) {
                    pixels[i][j] = view.at(self.place.item, 0, y, x);
                }
            }
        }
        let inside = pixels[0][0] != OUTSIDE && pixels[X::POINTS - 1][X::POINTS - 1] != OUTSIDE;
        let zero = s.splat_f32s(0.0);
        let mut window = T::Points::<Plane<X, S::f32s>>::fill(plane::<X, _>(zero));
        for c in self.channels.clone().step_by(S::F32_LANES) {
            for tile in 0..self.block.grid[2] {
                let step = T::OUTPUTS * T::STRIDE;
                // Frames that this tile shares with the one before are transformed already.
                let known = if tile == 0 {
                    0
                } else {
                    T::POINTS - step.min(T::POINTS)
                };
                for k in known..T::POINTS {
                    let frame = (tile * step + k).wrapping_sub(T::PAD);
                    let slot = (tile * step + k) % T::POINTS;
                    if frame >= frames {
                        window[slot] = plane::<X, _>(zero);
                        continue;
                    }
                    let shift = frame * view.strides[2] + c;
                    // SAFETY: these pixels lie inside the image, which nobody writes meanwhile.
                    window[slot] = unsafe {
                        if inside {
                            self.inner(s, pixels[0][0] + shift)
                        } else {
                            self.border(s, &pixels, shift)
                        }
                    };
                }
                for i in 0..X::POINTS {
                    for j in 0..X::POINTS {
                        let mut column = T::Points::fill(zero);
                        for k in 0..T::POINTS {
                            column[k] = window[(tile * step + k) % T::POINTS][i][j];
                        }
                        let points = T::input(s, column);
                        for k in 0..T::POINTS {
                            let point = (k * X::POINTS + i) * X::POINTS + j;
                            let at = point * self.block.strides[0]
                                + self.origin
                                + tile * self.padded
                                + c;
                            // SAFETY: this tile's row of this point is written here and nowhere else.
                            unsafe { self.v.store::<S>(at, points[k]) }
                        }
                    }
                }
            }
        }
    }
}

impl<X: Algorithm, T: Algorithm> InputTile<'_, X, T> {
    /// `X`'s transform along both axes of a tile that lies inside the image, from `first` on.
    ///
    /// # Safety
    /// See [`Span::load`].
    #[inline(always)]
    unsafe fn inner<S: Simd>(&self, s: S, first: usize) -> Plane<X, S::f32s> {
        let View {
            span,
            strides: [pixel, row, ..],
            ..
        } = self.job.input;
        let mut columns = plane::<X, _>(s.splat_f32s(0.0));
        for j in 0..X::POINTS {
            for i in 0..X::POINTS {
                // SAFETY: the caller's contract.
                columns[j][i] = unsafe { span.load::<S>(first + i * row + j * pixel) };
            }
        }
        square::<S, X>(s, columns)
    }

    /// The same for a tile that hangs over the border, where the image is continued by zeros.
    ///
    /// # Safety
    /// See [`Span::load`].
    #[inline(always)]
    unsafe fn border<S: Simd>(
        &self,
        s: S,
        pixels: &Plane<X, usize>,
        shift: usize,
    ) -> Plane<X, S::f32s> {
        let mut columns = plane::<X, _>(s.splat_f32s(0.0));
        for j in 0..X::POINTS {
            for i in 0..X::POINTS {
                if pixels[i][j] != OUTSIDE {
                    // SAFETY: the caller's contract.
                    columns[j][i] = unsafe { self.job.input.span.load::<S>(pixels[i][j] + shift) };
                }
            }
        }
        square::<S, X>(s, columns)
    }
}

/// The place of a pixel that is not part of the image.
const OUTSIDE: usize = usize::MAX;

/// `X`'s input transform of the columns of a square of pixels, then of its rows.
#[inline(always)]
fn square<S: Simd, X: Algorithm>(s: S, mut columns: Plane<X, S::f32s>) -> Plane<X, S::f32s> {
    for j in 0..X::POINTS {
        columns[j] = X::input(s, columns[j]);
    }
    let mut rows = columns;
    for i in 0..X::POINTS {
        let mut row = X::Points::fill(s.splat_f32s(0.0));
        for j in 0..X::POINTS {
            row[j] = columns[j][i];
        }
        rows[i] = X::input(s, row);
    }
    rows
}

/// Output transform of one spatial tile, all its frames, some channels.
pub struct OutputTile<'a, X, T> {
    /// The convolution.
    pub convolution: &'a Convolution,
    /// What is computed.
    pub job: &'a Job<'a>,
    /// Where in it.
    pub block: &'a Block,
    /// Which tile.
    pub place: Place,
    /// Which channels.
    pub channels: Range<usize>,
    /// The products.
    pub m: Span<'a>,
    /// Position of this tile's first row within a point.
    pub origin: usize,
    /// Space and time.
    pub algorithms: PhantomData<(X, T)>,
}

impl<X: Algorithm, T: Algorithm> WithSimd for OutputTile<'_, X, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let zero = s.splat_f32s(0.0);
        let mut in_time: Plane<X, T::Outputs<S::f32s>> = plane::<X, _>(T::Outputs::fill(zero));
        for c in self.channels.clone().step_by(S::F32_LANES) {
            let finisher = self.convolution.epilogue.at::<S>(c);
            for tile in 0..self.block.grid[2] {
                let row = self.origin + tile * self.convolution.outputs + c;
                let rows = if T::POINTS == 1 { 0 } else { X::POINTS };
                for i in 0..rows {
                    for j in 0..X::POINTS {
                        let mut column = T::Points::fill(zero);
                        for k in 0..T::POINTS {
                            let point = (k * X::POINTS + i) * X::POINTS + j;
                            let at = point * self.block.strides[1] + row;
                            // SAFETY: the products are complete; nobody writes them meanwhile.
                            column[k] = unsafe { self.m.load::<S>(at) };
                        }
                        in_time[i][j] = T::output(s, column);
                    }
                }
                let first = tile * T::OUTPUTS;
                for k in 0..T::OUTPUTS.min(self.block.output.frames - first) {
                    self.plane(s, (c, row), first + k, finisher, &in_time, k);
                }
            }
        }
    }
}

impl<X: Algorithm, T: Algorithm> OutputTile<'_, X, T> {
    /// Transforms plane `k` along both axes and writes its pixels, as far as the image goes, to `frame`. Where time is
    /// not transformed, the plane is read from the products' `row` instead: a detour through memory less.
    #[inline(always)]
    fn plane<S: Simd>(
        &self,
        s: S,
        (c, row): (usize, usize),
        frame: usize,
        finisher: Finisher<S>,
        planes: &Plane<X, T::Outputs<S::f32s>>,
        k: usize,
    ) {
        let zero = s.splat_f32s(0.0);
        let mut columns: X::Points<X::Outputs<S::f32s>> = X::Points::fill(X::Outputs::fill(zero));
        for j in 0..X::POINTS {
            let mut column = X::Points::fill(zero);
            for i in 0..X::POINTS {
                column[i] = if T::POINTS == 1 {
                    // SAFETY: the products are complete; nobody writes them meanwhile.
                    unsafe {
                        self.m
                            .load::<S>((i * X::POINTS + j) * self.block.strides[1] + row)
                    }
                } else {
                    planes[i][j][k]
                };
            }
            columns[j] = X::output(s, column);
        }
        let (top, left) = (self.place.y * X::OUTPUTS, self.place.x * X::OUTPUTS);
        let Shape { height, width, .. } = self.block.output;
        for y in 0..X::OUTPUTS {
            if top + y >= height {
                break;
            }
            let mut across = X::Points::fill(zero);
            for j in 0..X::POINTS {
                across[j] = columns[j][y];
            }
            let row = X::output(s, across);
            let at = |view: View| view.at(self.place.item, frame, top + y, left) + c;
            // The common case with a constant width, so that the loop over its pixels disappears.
            if left + X::OUTPUTS <= width {
                self.row(s, at, finisher, row, X::OUTPUTS);
            } else {
                self.row(s, at, finisher, row, width - left);
            }
        }
    }

    /// Finishes and writes `width` neighbouring pixels, the first of which lies at `at(view)`.
    #[inline(always)]
    fn row<S: Simd>(
        &self,
        s: S,
        at: impl Fn(View) -> usize,
        finisher: Finisher<S>,
        mut row: X::Outputs<S::f32s>,
        width: usize,
    ) {
        let Output {
            activation,
            raw,
            residual,
        } = self.job.output;
        // SAFETY: pixels of this tile inside the image, which belong to this task alone.
        unsafe {
            for i in 0..width {
                row[i] = s.add_f32s(row[i], finisher.bias);
            }
            if let Some(view) = residual {
                let (at, pixel) = (at(view), view.strides[0]);
                for i in 0..width {
                    row[i] = s.add_f32s(row[i], view.span.load::<S>(at + i * pixel));
                }
            }
            if let Some(view) = raw {
                let (at, pixel) = (at(view), view.strides[0]);
                for i in 0..width {
                    view.span.store::<S>(at + i * pixel, row[i]);
                }
            }
            let (at, pixel) = (at(activation), activation.strides[0]);
            for i in 0..width {
                activation
                    .span
                    .store::<S>(at + i * pixel, finisher.activate(s, row[i]));
            }
        }
    }
}
