//! Convolution by tiles: inputs to points, one matrix product per point, points to outputs.
//!
//! With `X` the algorithm of both spatial axes and `T` that of the time axis, a tile covers `X`'s points squared pixels in
//! `T`'s points frames. Transformed inputs lie as `[point][tile][channel]`, products likewise, filters as
//! `[distinct point][panel][channel][lane]` (see `gemm`). The rows of the product at one point are the tiles.

use super::buffer::{Buffer, LINE, Span};
use super::filters;
use super::gemm::{Epilogue, Gemm};
use super::simd::Isa;
use super::threads::{Crew, share};
use super::tiles::{Side, Tiles};
use super::transforms::{Algorithm, Axis, F2x3, F4x3, F4x4, Identity, Stride2};
use super::view::{Shape, View};
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

impl Kind {
    /// The algorithms of both spatial axes and of time.
    pub fn axes(self) -> [&'static Algorithm; 2] {
        fn axes<X: Axis, T: Axis>() -> [&'static Algorithm; 2] {
            [X::ALGORITHM, T::ALGORITHM]
        }
        for_kind!(self, axes())
    }
}

/// One application of a convolution.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Channels-last input; the channels after the last one, up to a whole line, are zero.
    pub input: View<'a>,
    /// Its extents.
    pub shape: Shape,
    /// Receives the finished activation.
    pub output: View<'a>,
    /// Receives convolution + bias + residual.
    pub raw: Option<View<'a>>,
    /// Added to the convolution.
    pub residual: Option<View<'a>>,
}

/// A convolution ready to run.
pub struct Convolution {
    /// Which one.
    pub kind: Kind,
    /// Input channels.
    pub inputs: usize,
    /// Transformed filters.
    pub filters: Buffer,
    /// What follows the sum.
    pub epilogue: Epilogue,
}

/// A spatial tile.
#[derive(Clone, Copy)]
pub struct Tile {
    /// Item, row and column.
    pub place: [usize; 3],
    /// Points down and across: fewer where it is short.
    pub points: [usize; 2],
    /// Its first row among those of its points; it has one per tile along time.
    pub row: usize,
}

/// Some tiles of a job, and how their points lie in memory.
pub struct Block<'a> {
    /// The convolution.
    pub convolution: &'a Convolution,
    /// What is computed.
    pub job: Job<'a>,
    /// Extents of the output.
    pub output: Shape,
    /// The tiles: first those that are short across, then whole ones, then those that are short down, last both ways. So the
    /// tiles that have a point follow each other, whatever the point.
    pub tiles: Vec<Tile>,
    /// Tiles along time, which are a row each.
    pub depth: usize,
    /// Channels per row of the points, inputs and products.
    pub channels: [usize; 2],
    /// Floats from point to point, inputs and products. One line more than the rows need: points a power of two apart
    /// would compete for the same cache sets.
    pub strides: [usize; 2],
    /// The transformed inputs.
    pub v: Span<'a>,
    /// The products.
    pub m: Span<'a>,
}

/// Floats of transformed inputs or products per block of one thread: they stay in the second-level cache.
const SMALL: usize = 1 << 18;
/// The same when all threads work on a block. They are written and read once each, between reading all the filters: fewer
/// blocks read the filters less often, larger ones leave the last-level cache.
const LARGE: usize = 4 << 20;

impl Convolution {
    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.epilogue.channels()
    }

    /// Extents of the output.
    pub fn output_shape(&self, shape: Shape) -> Shape {
        let extent = |axis: &Algorithm, n| (n + 2 * axis.pad - axis.taps) / axis.stride + 1;
        let [space, time] = self.kind.axes();
        Shape {
            items: shape.items,
            frames: extent(time, shape.frames),
            height: extent(space, shape.height),
            width: extent(space, shape.width),
        }
    }

    /// Tiles down, across and along time.
    pub fn grid(&self, shape: Shape) -> [usize; 3] {
        let [space, time] = self.kind.axes();
        let out = self.output_shape(shape);
        [
            out.height.div_ceil(space.outputs),
            out.width.div_ceil(space.outputs),
            out.frames.div_ceil(time.outputs),
        ]
    }

    /// Computes some spatial tiles, in blocks that suit the crew, with `scratch` for the transformed inputs and the products.
    ///
    /// # Safety
    /// The views of the job hold the extents they are described by, and nobody else uses these tiles' places in the output
    /// meanwhile.
    pub unsafe fn run(
        &self,
        isa: Isa,
        crew: Crew,
        job: Job,
        tiles: Range<usize>,
        scratch: &mut [Buffer; 2],
    ) {
        let limit = if crew == Crew::Alone { SMALL } else { LARGE };
        let [inputs, outputs] = self.channels();
        let per_tile = self.points() * self.grid(job.shape)[2] * inputs.max(outputs);
        let blocks = tiles.len().div_ceil((limit / per_tile).max(1));
        for block in 0..blocks {
            let range = share(tiles.len(), block, blocks);
            let tiles = tiles.start + range.start..tiles.start + range.end;
            let block = self.block(job, tiles, scratch);
            // SAFETY: blocks are disjoint and run one after the other; the rest is the caller's contract.
            unsafe {
                block.transform(isa, crew, Side::Inputs);
                block.multiply(isa, crew);
                block.transform(isa, crew, Side::Outputs);
            }
        }
    }

    /// Some spatial tiles as one block, in `scratch`.
    pub fn block<'a>(
        &'a self,
        job: Job<'a>,
        tiles: Range<usize>,
        scratch: &'a mut [Buffer; 2],
    ) -> Block<'a> {
        let [space, _] = self.kind.axes();
        let output = self.output_shape(job.shape);
        let [down, across, depth] = self.grid(job.shape);
        let tiles = tiles.map(|tile| {
            let place = [tile / (down * across), tile / across % down, tile % across];
            let points = [
                space.needed(place[1], output.height),
                space.needed(place[2], output.width),
            ];
            Tile {
                place,
                points,
                row: 0,
            }
        });
        let mut tiles: Vec<_> = tiles.collect();
        tiles.sort_by_key(|tile| {
            let [down, across] = tile.points.map(|points| points < space.points);
            (down, down == across)
        });
        for (i, tile) in tiles.iter_mut().enumerate() {
            tile.row = i * depth;
        }
        let channels = self.channels();
        let strides = channels.map(|channels| tiles.len() * depth * channels + LINE);
        let [v, m] = scratch;
        v.reserve(self.points() * strides[0]);
        m.reserve(self.points() * strides[1]);
        Block {
            convolution: self,
            job,
            output,
            tiles,
            depth,
            channels,
            strides,
            v: v.span(),
            m: m.span(),
        }
    }

    /// Channels per row of the points, inputs and products: inputs are filled up to a line.
    fn channels(&self) -> [usize; 2] {
        [self.inputs.next_multiple_of(LINE), self.outputs()]
    }

    /// Points of a tile.
    fn points(&self) -> usize {
        let [space, time] = self.kind.axes();
        time.points * space.points * space.points
    }
}

impl Block<'_> {
    /// Pixels to points, or products to pixels.
    ///
    /// # Safety
    /// As [`Convolution::run`].
    pub unsafe fn transform(&self, isa: Isa, crew: Crew, side: Side) {
        fn transform<X: Axis, T: Axis>(block: &Block, isa: Isa, crew: Crew, side: Side) {
            let lines = block.channels[side as usize] / LINE;
            crew.grid([block.tiles.len(), lines], |tiles, lines| {
                isa.run(Tiles::<X, T> {
                    block,
                    side,
                    tiles,
                    channels: lines.start * LINE..lines.end * LINE,
                    axes: PhantomData,
                });
            });
        }
        for_kind!(self.convolution.kind, transform(self, isa, crew, side));
    }

    /// The matrix product of every point.
    ///
    /// # Safety
    /// As [`Convolution::run`].
    pub unsafe fn multiply(&self, isa: Isa, crew: Crew) {
        let (inputs, outputs) = (self.convolution.inputs, self.convolution.outputs());
        let [space, time] = self.convolution.kind.axes();
        let (n, panel) = (space.filters, isa.panel());
        let all = &self.convolution.filters;
        crew.grid(
            [time.filters * n * n, outputs / panel],
            |filters, panels| {
                for filter in filters {
                    let b = &all[filter * filters::stride(inputs, outputs)..];
                    let mut places = vec![];
                    for k in time.sharing(filter / (n * n)) {
                        for i in space.sharing(filter / n % n) {
                            for j in space.sharing(filter % n) {
                                let point = (k * space.points + i) * space.points + j;
                                let tiles = self.tiles_with(i, j);
                                let [v, m] = [0, 1].map(|side| {
                                    let row = tiles.start * self.depth * self.channels[side];
                                    point * self.strides[side] + row
                                });
                                let rows = tiles.len() * self.depth;
                                places.push([v, m + panels.start * panel, rows]);
                            }
                        }
                    }
                    isa.run(Gemm {
                        places: &places,
                        depth: inputs,
                        a: (self.v, self.channels[0]),
                        b: &b[panels.start * panel * inputs..panels.end * panel * inputs],
                        c: (self.m, outputs),
                        epilogue: None,
                    });
                }
            },
        );
    }

    /// Which tiles have the points in row `i` and column `j`.
    fn tiles_with(&self, i: usize, j: usize) -> Range<usize> {
        let has = |tile: &Tile| i < tile.points[0] && j < tile.points[1];
        let first = self.tiles.iter().position(has).unwrap_or(0);
        first..self.tiles.iter().rposition(has).map_or(0, |last| last + 1)
    }
}
