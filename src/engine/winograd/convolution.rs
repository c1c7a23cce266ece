//! Convolution by tiles: inputs to points, one matrix product per point, points to outputs.
//!
//! With `X` the algorithm of both spatial axes and `T` that of the time axis, a tile covers `X::POINTS`^2 pixels in
//! `T::POINTS` frames. Transformed inputs lie as `[point][tile][channel]`, products likewise, filters as
//! `[distinct point][panel][channel][lane]` (see `gemm`). The rows of the product at one point are the tiles.

use super::buffer::{Buffer, LINE, Span, View};
use super::filters;
use super::gemm::{Epilogue, Finish, Gemm};
use super::simd::Isa;
use super::threads::{Crew, share};
use super::tiles::{InputTile, OutputTile};
use super::transforms::{Algorithm, F2x3, F4x3, F4x4, Identity, Stride2};
use std::marker::PhantomData;
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

impl Shape {
    /// `items` square images of `side` pixels.
    pub fn images(items: usize, side: usize) -> Self {
        Self {
            items,
            frames: 1,
            height: side,
            width: side,
        }
    }

    /// Frames, rows and columns.
    pub fn dims(self) -> [usize; 3] {
        [self.frames, self.height, self.width]
    }

    /// Pixels of all items.
    pub fn pixels(self) -> usize {
        self.items * self.frames * self.height * self.width
    }
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
pub struct Block {
    /// Extents of the output.
    pub output: Shape,
    tiles: Range<usize>,
    /// Tiles per row and column of the image, and along time.
    pub grid: [usize; 3],
    rows: usize,
    /// Floats from point to point, inputs and products. One line more than the rows need: points a power of two apart
    /// would compete for the same cache sets.
    pub strides: [usize; 2],
}

/// A tile's place: item, row and column in the grid of tiles.
#[derive(Clone, Copy)]
pub struct Place {
    /// Item.
    pub item: usize,
    /// Row.
    pub y: usize,
    /// Column.
    pub x: usize,
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
        [self.padded(), self.outputs].map(|channels| points * (rows * channels + LINE))
    }

    /// Input channels as they lie in memory, filled up to a line.
    fn padded(&self) -> usize {
        self.inputs.next_multiple_of(LINE)
    }

    /// The spatial tiles `tiles`, numbered item by item and row by row, as one block.
    pub fn block(&self, shape: Shape, tiles: Range<usize>) -> Block {
        let grid = self.grid(shape);
        let rows = tiles.len() * grid[2];
        Block {
            output: self.output_shape(shape),
            tiles,
            grid,
            rows,
            strides: [self.padded(), self.outputs].map(|channels| rows * channels + LINE),
        }
    }

    /// Computes the spatial tiles `tiles` with [`Convolution::scratch`] floats in each of `[v, m]`.
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
        [v, m]: [Span<'a>; 2],
    ) {
        let block = self.block(job.shape, tiles);
        // SAFETY: the caller's contract.
        unsafe {
            self.transform_inputs(isa, crew, job, &block, v);
            self.multiply(isa, crew, &block, [v, m]);
            self.transform_outputs(isa, crew, job, &block, m);
        }
    }

    /// Pixels to points.
    ///
    /// # Safety
    /// As [`Convolution::run`].
    pub unsafe fn transform_inputs(&self, isa: Isa, crew: Crew, job: &Job, block: &Block, v: Span) {
        // SAFETY: the caller's contract.
        unsafe { for_kind!(self.kind, transform_inputs(isa, crew, self, job, block, v)) }
    }

    /// Products to pixels.
    ///
    /// # Safety
    /// As [`Convolution::run`].
    pub unsafe fn transform_outputs(
        &self,
        isa: Isa,
        crew: Crew,
        job: &Job,
        block: &Block,
        m: Span,
    ) {
        // SAFETY: the caller's contract.
        unsafe { for_kind!(self.kind, transform_outputs(isa, crew, self, job, block, m)) }
    }

    /// The matrix product of every point.
    ///
    /// # Safety
    /// As [`Convolution::run`].
    pub unsafe fn multiply(&self, isa: Isa, crew: Crew, block: &Block, [v, m]: [Span; 2]) {
        let (space, time) = self.kind.axes();
        let (n, panel) = (space.filters, isa.panel());
        let filters = time.filters * n * n;
        let panels = self.outputs / panel;
        let parts = crew.parts(filters, panels);
        crew.each(filters * parts, |task| {
            let (filter, part) = (task / parts, task % parts);
            let part = share(panels, part, parts);
            let (first, end) = (part.start * panel, part.end * panel);
            let b = &self.filters[filter * filters::stride(self.inputs, self.outputs)..];
            for k in time.sharing(filter / (n * n)) {
                for i in space.sharing(filter / n % n) {
                    for j in space.sharing(filter % n) {
                        let point = (k * space.points + i) * space.points + j;
                        isa.run(Gemm {
                            rows: block.rows,
                            depth: self.inputs,
                            a: (v, point * block.strides[0], self.padded()),
                            b: &b[first * self.inputs..end * self.inputs],
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
    let lines = share(channels / LINE, part, parts);
    lines.start * LINE..lines.end * LINE
}

/// # Safety
/// As [`Convolution::run`].
unsafe fn transform_inputs<X: Algorithm, T: Algorithm>(
    isa: Isa,
    crew: Crew,
    convolution: &Convolution,
    job: &Job,
    block: &Block,
    v: Span,
) {
    let padded = convolution.padded();
    let parts = crew.parts(block.tiles.len(), padded / LINE);
    crew.each(block.tiles.len() * parts, |task| {
        let index = task / parts;
        isa.run(InputTile::<X, T> {
            job,
            block,
            place: block.place(index),
            channels: lines(padded, task % parts, parts),
            padded,
            v,
            origin: index * block.grid[2] * padded,
            algorithms: PhantomData,
        });
    });
}

/// # Safety
/// As [`Convolution::run`].
unsafe fn transform_outputs<X: Algorithm, T: Algorithm>(
    isa: Isa,
    crew: Crew,
    convolution: &Convolution,
    job: &Job,
    block: &Block,
    m: Span,
) {
    let outputs = convolution.outputs;
    let parts = crew.parts(block.tiles.len(), outputs / LINE);
    crew.each(block.tiles.len() * parts, |task| {
        let index = task / parts;
        isa.run(OutputTile::<X, T> {
            convolution,
            job,
            block,
            place: block.place(index),
            channels: lines(outputs, task % parts, parts),
            m,
            origin: index * block.grid[2] * outputs,
            algorithms: PhantomData,
        });
    });
}
