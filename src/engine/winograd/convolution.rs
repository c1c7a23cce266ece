//! Convolution by tiles: inputs to points, one matrix product per point, points to outputs.
//!
//! With `X` the algorithm of both spatial axes and `T` that of the time axis, a tile covers `X::POINTS`^2 pixels in
//! `T::POINTS` frames. Transformed inputs lie as `[point][tile][channel]`, products likewise, filters as
//! `[distinct point][panel][channel][lane]` (see `gemm`). The rows of the product at one point are the tiles.

use super::buffer::{Buffer, LINE, Span, View};
use super::gemm::{Epilogue, Finish, Gemm};
use super::simd::{Isa, Simd, WithSimd, load};
use super::threads::Crew;
use super::transforms::{Algorithm, Array, F2x3, F4x3, F4x4, Identity, Stride2};
use std::ops::Range;

/// The convolutions the network has, with the tile each is computed by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// 2-D, 4x4, stride 1, no padding; tiles of 4x4. The 7x7 stride-2 stem after space-to-depth.
    Stem,
    /// 2-D, 3x3, stride 1, padding 1; tiles of 4x4.
    Plane,
    /// 3-D, 3x3x3, stride 1, padding 1; tiles of 4x4x4.
    Volume4,
    /// 3-D, 3x3x3, stride 1, padding 1; tiles of 2x2x2.
    Volume2,
    /// 3-D, 3x3x3, stride 2, padding 1; tiles of 2x2x2.
    Stride2,
}

/// Runs a generic function for the algorithms of a kind, space then time.
macro_rules! for_kind {
    ($kind:expr, $name:ident ( $($argument:expr),* )) => {
        match $kind {
            Kind::Stem => $name::<F4x4, Identity>($($argument),*),
            Kind::Plane => $name::<F4x3, Identity>($($argument),*),
            Kind::Volume4 => $name::<F4x3, F4x3>($($argument),*),
            Kind::Volume2 => $name::<F2x3, F2x3>($($argument),*),
            Kind::Stride2 => $name::<Stride2, Stride2>($($argument),*),
        }
    };
}
pub(super) use for_kind;

/// The numbers of an [`Algorithm`].
#[derive(Clone, Copy)]
pub struct Axis {
    /// See [`Algorithm::POINTS`].
    pub points: usize,
    /// See [`Algorithm::FILTERS`].
    pub filters: usize,
    /// See [`Algorithm::TAPS`].
    pub taps: usize,
    outputs: usize,
    stride: usize,
    pad: usize,
}

impl Axis {
    fn of<A: Algorithm>() -> Self {
        let (points, filters, taps) = (A::POINTS, A::FILTERS, A::TAPS);
        Self {
            points,
            filters,
            taps,
            outputs: A::OUTPUTS,
            stride: A::STRIDE,
            pad: A::PAD,
        }
    }

    /// Outputs along an axis of `inputs`.
    fn extent(self, inputs: usize) -> usize {
        (inputs + 2 * self.pad - self.taps) / self.stride + 1
    }

    /// The points that use filter `f`.
    fn sharing(self, f: usize) -> Range<usize> {
        if f + 1 == self.filters {
            f..self.points
        } else {
            f..f + 1
        }
    }
}

impl Kind {
    /// The spatial axes and the time axis.
    pub fn axes(self) -> (Axis, Axis) {
        fn axes<X: Algorithm, T: Algorithm>() -> (Axis, Axis) {
            (Axis::of::<X>(), Axis::of::<T>())
        }
        for_kind!(self, axes())
    }
}

/// Extents of an activation. A 2-D convolution takes each frame as an item of one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Clips, or frames of a 2-D convolution.
    pub items: usize,
    /// Frames per item.
    pub frames: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// Where the output goes.
#[derive(Clone, Copy)]
pub struct Output<'a> {
    /// Receives the finished activation.
    pub activation: View<'a>,
    /// Receives convolution + bias + residual.
    pub raw: Option<View<'a>>,
    /// Added to the convolution.
    pub residual: Option<View<'a>>,
}

impl<'a> Output<'a> {
    /// The activation only.
    pub fn activation(activation: View<'a>) -> Self {
        Self {
            activation,
            raw: None,
            residual: None,
        }
    }
}

/// One application of a convolution.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Channels-last input; the channels after the last one, up to a whole line, are zero.
    pub input: View<'a>,
    /// Its extents.
    pub shape: Shape,
    /// Where the output goes.
    pub output: Output<'a>,
}

/// A convolution ready to run.
pub struct Convolution {
    /// Which one.
    pub kind: Kind,
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Transformed filters.
    pub filters: Buffer,
    /// What follows the sum.
    pub epilogue: Epilogue,
}

/// Extents of one block of tiles and how its points lie in memory.
struct Block {
    output: Shape,
    tiles: Range<usize>,
    /// Tiles per row and column of the image, and along time.
    grid: [usize; 3],
    rows: usize,
    /// Floats from point to point, inputs and products. One line more than the rows need: points a power of two apart
    /// would compete for the same cache sets.
    strides: [usize; 2],
}

/// A tile's place: item, row and column in the grid of tiles.
#[derive(Clone, Copy)]
struct Place {
    item: usize,
    y: usize,
    x: usize,
}

impl Block {
    fn place(&self, index: usize) -> Place {
        let [down, across, _] = self.grid;
        let tile = self.tiles.start + index;
        Place {
            item: tile / (down * across),
            y: tile / across % down,
            x: tile % across,
        }
    }
}

impl Convolution {
    /// Extents of the output.
    pub fn output_shape(&self, shape: Shape) -> Shape {
        let (space, time) = self.kind.axes();
        let [height, width] = [shape.height, shape.width].map(|n| space.extent(n));
        Shape {
            frames: time.extent(shape.frames),
            height,
            width,
            ..shape
        }
    }

    /// Tiles down, across and along time.
    pub fn grid(&self, shape: Shape) -> [usize; 3] {
        let (space, time) = self.kind.axes();
        let out = self.output_shape(shape);
        [
            out.height.div_ceil(space.outputs),
            out.width.div_ceil(space.outputs),
            out.frames.div_ceil(time.outputs),
        ]
    }

    /// Floats of scratch that a block of `tiles` spatial tiles needs for inputs and for products.
    pub fn scratch(&self, shape: Shape, tiles: usize) -> [usize; 2] {
        let (space, time) = self.kind.axes();
        let points = time.points * space.points * space.points;
        let rows = tiles * self.grid(shape)[2];
        [self.inputs.next_multiple_of(LINE), self.outputs]
            .map(|channels| points * (rows * channels + LINE))
    }

    /// Computes the spatial tiles `tiles`, numbered item by item and row by row, as one block.
    ///
    /// # Safety
    /// The views of the job hold the extents they are described by, and nobody else uses these tiles' places in the
    /// output or the two scratch spans meanwhile.
    pub unsafe fn run<'a>(
        &self,
        isa: Isa,
        crew: Crew,
        job: &Job<'a>,
        tiles: Range<usize>,
        v: Span<'a>,
        m: Span<'a>,
    ) {
        let grid = self.grid(job.shape);
        let rows = tiles.len() * grid[2];
        let padded = self.inputs.next_multiple_of(LINE);
        let strides = [rows * padded + LINE, rows * self.outputs + LINE];
        let block = Block {
            output: self.output_shape(job.shape),
            tiles,
            grid,
            rows,
            strides,
        };
        for_kind!(
            self.kind,
            transform_inputs(isa, crew, job, &block, padded, v)
        );
        self.multiply(isa, crew, &block, padded, [v, m]);
        for_kind!(
            self.kind,
            transform_outputs(isa, crew, self, job, &block, m)
        );
    }

    /// The matrix product of every point.
    fn multiply(&self, isa: Isa, crew: Crew, block: &Block, padded: usize, [v, m]: [Span; 2]) {
        let (space, time) = self.kind.axes();
        let (n, panel) = (space.filters, isa.panel());
        let filters = time.filters * n * n;
        let panels = self.outputs / panel;
        let parts = crew.parts(filters, panels);
        crew.each(filters * parts, |task| {
            let (filter, part) = (task / parts, task % parts);
            let (first, end) = (
                part * panels / parts * panel,
                (part + 1) * panels / parts * panel,
            );
            let b = &self.filters[filter * self.inputs * self.outputs..]
                [first * self.inputs..end * self.inputs];
            for k in time.sharing(filter / (n * n)) {
                for i in space.sharing(filter / n % n) {
                    for j in space.sharing(filter % n) {
                        let point = (k * space.points + i) * space.points + j;
                        isa.run(Gemm {
                            rows: block.rows,
                            depth: self.inputs,
                            a: (v, point * block.strides[0], padded),
                            b,
                            c: (m, point * block.strides[1] + first, self.outputs),
                            finish: Finish::Raw,
                        });
                    }
                }
            }
        });
    }
}

/// Cuts `channels` into `parts` ranges of whole lines.
fn lines(channels: usize, part: usize, parts: usize) -> Range<usize> {
    let lines = channels / LINE;
    part * lines / parts * LINE..(part + 1) * lines / parts * LINE
}

fn transform_inputs<X: Algorithm, T: Algorithm>(
    isa: Isa,
    crew: Crew,
    job: &Job,
    block: &Block,
    padded: usize,
    v: Span,
) {
    let tiles = block.tiles.len();
    let parts = crew.parts(tiles, padded / LINE);
    crew.each(tiles * parts, |task| {
        let (index, channels) = (task / parts, lines(padded, task % parts, parts));
        let place = block.place(index);
        let origin = index * block.grid[2] * padded;
        isa.run(InputTile::<X, T> {
            job,
            block,
            place,
            channels,
            padded,
            v,
            origin,
            algorithms: Default::default(),
        });
    });
}

fn transform_outputs<X: Algorithm, T: Algorithm>(
    isa: Isa,
    crew: Crew,
    convolution: &Convolution,
    job: &Job,
    block: &Block,
    m: Span,
) {
    let tiles = block.tiles.len();
    let parts = crew.parts(tiles, convolution.outputs / LINE);
    crew.each(tiles * parts, |task| {
        let (index, channels) = (
            task / parts,
            lines(convolution.outputs, task % parts, parts),
        );
        let place = block.place(index);
        let origin = index * block.grid[2] * convolution.outputs;
        isa.run(OutputTile::<X, T> {
            convolution,
            job,
            block,
            place,
            channels,
            m,
            origin,
            algorithms: Default::default(),
        });
    });
}

/// `[points]^2` vectors.
type Plane<X, V> = <X as Algorithm>::Points<<X as Algorithm>::Points<V>>;

/// The plane that holds `value` everywhere.
#[inline(always)]
fn plane<X: Algorithm, V: Copy>(value: V) -> Plane<X, V> {
    X::Points::fill(X::Points::fill(value))
}

/// Input transform of one spatial tile, all its frames, some channels.
struct InputTile<'a, X, T> {
    job: &'a Job<'a>,
    block: &'a Block,
    place: Place,
    channels: Range<usize>,
    padded: usize,
    v: Span<'a>,
    /// Position of this tile's first row within a point.
    origin: usize,
    algorithms: std::marker::PhantomData<(X, T)>,
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
struct OutputTile<'a, X, T> {
    convolution: &'a Convolution,
    job: &'a Job<'a>,
    block: &'a Block,
    place: Place,
    channels: Range<usize>,
    m: Span<'a>,
    /// Position of this tile's first row within a point.
    origin: usize,
    algorithms: std::marker::PhantomData<(X, T)>,
}

impl<X: Algorithm, T: Algorithm> WithSimd for OutputTile<'_, X, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let zero = s.splat_f32s(0.0);
        let mut in_time: Plane<X, T::Outputs<S::f32s>> = plane::<X, _>(T::Outputs::fill(zero));
        for c in self.channels.clone().step_by(S::F32_LANES) {
            for tile in 0..self.block.grid[2] {
                let row = self.origin + tile * self.convolution.outputs + c;
                for i in 0..X::POINTS {
                    for j in 0..X::POINTS {
                        let mut column = T::Points::fill(zero);
                        for k in 0..T::POINTS {
                            let point = (k * X::POINTS + i) * X::POINTS + j;
                            // SAFETY: the products are complete; nobody writes them meanwhile.
                            column[k] =
                                unsafe { self.m.load::<S>(point * self.block.strides[1] + row) };
                        }
                        in_time[i][j] = T::output(s, column);
                    }
                }
                for k in 0..T::OUTPUTS.min(self.block.output.frames - tile * T::OUTPUTS) {
                    self.write(s, c, tile * T::OUTPUTS + k, &in_time, k);
                }
            }
        }
    }
}

impl<X: Algorithm, T: Algorithm> OutputTile<'_, X, T> {
    /// Transforms plane `k` along both axes and writes its pixels, as far as they are part of the image, to `frame`.
    #[inline(always)]
    fn write<S: Simd>(
        &self,
        s: S,
        c: usize,
        frame: usize,
        planes: &Plane<X, T::Outputs<S::f32s>>,
        k: usize,
    ) {
        let zero = s.splat_f32s(0.0);
        let mut columns: X::Points<X::Outputs<S::f32s>> = X::Points::fill(X::Outputs::fill(zero));
        for j in 0..X::POINTS {
            let mut column = X::Points::fill(zero);
            for i in 0..X::POINTS {
                column[i] = planes[i][j][k];
            }
            columns[j] = X::output(s, column);
        }
        let (top, left) = (self.place.y * X::OUTPUTS, self.place.x * X::OUTPUTS);
        let (height, width) = (
            self.block.output.height - top,
            self.block.output.width - left,
        );
        for y in 0..X::OUTPUTS {
            if y >= height {
                break;
            }
            let mut row = X::Points::fill(zero);
            for j in 0..X::POINTS {
                row[j] = columns[j][y];
            }
            let place = (self.place.item, frame, top + y, left);
            let row = X::output(s, row);
            // The common case with a constant width: the loop over its pixels disappears.
            if width >= X::OUTPUTS {
                self.write_row(s, c, place, row, X::OUTPUTS);
            } else {
                self.write_row(s, c, place, row, width);
            }
        }
    }

    /// The epilogue of `width` neighbouring pixels from `place` (item, frame, row, column) on.
    #[inline(always)]
    fn write_row<S: Simd>(
        &self,
        s: S,
        c: usize,
        (item, frame, y, x): (usize, usize, usize, usize),
        row: X::Outputs<S::f32s>,
        width: usize,
    ) {
        let Output {
            activation,
            raw,
            residual,
        } = self.job.output;
        let epilogue = &self.convolution.epilogue;
        let bias = load::<S>(&epilogue.bias, c);
        let mut sums = row;
        for i in 0..width {
            sums[i] = s.add_f32s(sums[i], bias);
        }
        // SAFETY: pixels of this tile inside the image, which belong to this task alone.
        unsafe {
            if let Some(view) = residual {
                let at = view.at(item, frame, y, x) + c;
                for i in 0..width {
                    sums[i] = s.add_f32s(sums[i], view.span.load::<S>(at + i * view.strides[0]));
                }
            }
            if let Some(view) = raw {
                let at = view.at(item, frame, y, x) + c;
                for i in 0..width {
                    view.span.store::<S>(at + i * view.strides[0], sums[i]);
                }
            }
            let at = activation.at(item, frame, y, x) + c;
            for i in 0..width {
                activation.span.store::<S>(
                    at + i * activation.strides[0],
                    epilogue.apply(s, c, sums[i]),
                );
            }
        }
    }
}
