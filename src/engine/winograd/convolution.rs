//! Convolution by tiles: inputs to points, one matrix product per point, products to outputs.

use super::amx::Amx;
use super::buffer::{Buffer, LINE, Span};
use super::gemm::Epilogue;
use super::simd::Isa;
use super::threads::{Crew, share};
use super::tiles::Block;
use super::transforms::{Algorithm, Axis, F2x3, F4x3, F4x4, Identity, Stride2, Stride4};
use super::view::{Shape, View};

/// The convolutions the network has, with the tile each is computed by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// 2-D, 4x4, stride 1, no padding; tiles of 4x4. The 7x7 stride-2 stem after space-to-depth.
    Stem,
    /// 2-D, 3x3, stride 1, padding 1; tiles of 4x4.
    Plane,
    /// 3-D, 3x3x3, stride 1, padding 1; tiles of 4x4x4.
    Volume4,
    /// 3-D, 3x3x3, stride 1, padding 1; tiles of 4 frames of 2x2.
    Volume2,
    /// 3-D, 3x3x3, stride 2, padding 1; tiles of 4 frames of 2x2.
    Stride2,
}

/// Runs a generic function for the algorithms of a kind, space then time, and the numbers of their points.
macro_rules! for_kind {
    ($kind:expr, $name:ident ( $($argument:expr),* )) => {
        match $kind {
            Kind::Stem => $name::<F4x4, Identity, 7, 1>($($argument),*),
            Kind::Plane => $name::<F4x3, Identity, 6, 1>($($argument),*),
            Kind::Volume4 => $name::<F4x3, F4x3, 6, 6>($($argument),*),
            Kind::Volume2 => $name::<F2x3, F4x3, 4, 6>($($argument),*),
            Kind::Stride2 => $name::<Stride2, Stride4, 5, 9>($($argument),*),
        }
    };
}
pub(super) use for_kind;

impl Kind {
    /// Whether it has an axis of time.
    pub fn is_volume(self) -> bool {
        self.axes()[1].points > 1
    }

    /// Whether AMX is faster. Filters have to be prepared for it, which takes longer than it saves where they meet few rows: on
    /// maps of 7x7 and 14x14 pixels, which have more channels.
    pub fn suits_amx(self, inputs: usize) -> bool {
        self.is_volume() && inputs <= 128
    }

    /// The algorithms of both spatial axes and of time.
    pub fn axes(self) -> [&'static Algorithm; 2] {
        fn axes<X: Axis, T: Axis, const N: usize, const M: usize>() -> [&'static Algorithm; 2] {
            const { assert!(N == X::ALGORITHM.points && M == T::ALGORITHM.points) };
            [X::ALGORITHM, T::ALGORITHM]
        }
        for_kind!(self, axes())
    }
}

/// One application of a convolution. `W` is how what is written is held.
#[derive(Clone, Copy)]
pub struct Job<'a, W = &'a mut [f32]> {
    /// The input; the channels after the last one, up to a whole line, are zero.
    pub input: View<&'a [f32]>,
    /// Receives the finished activation.
    pub output: View<W>,
    /// Receives convolution + bias + residual.
    pub raw: Option<View<W>>,
    /// Added to the convolution.
    pub residual: Option<View<&'a [f32]>>,
}

impl Job<'_> {
    /// The same, for several threads to write.
    pub fn share(&mut self) -> Job<'_, Span<'_>> {
        Job {
            input: self.input,
            output: self.output.share(),
            raw: self.raw.as_mut().map(View::share),
            residual: self.residual,
        }
    }
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
    /// The unit that computes its products, if it is a volume's.
    pub amx: Option<Amx>,
    /// Whether a max pool follows that, of 3x3 pixels with stride 2, no padding, and last windows that may be cut off
    /// (`ceil_mode`).
    pub max_pool: bool,
}

/// Extents of a max pool of an activation.
fn max_pool_shape(shape: Shape) -> Shape {
    let extent = |input: usize| (input - 2) / 2 + 1;
    Shape {
        height: extent(shape.height),
        width: extent(shape.width),
        ..shape
    }
}

/// Floats of transformed inputs or products per block of one thread: they stay in the second-level cache. Larger blocks read the
/// filters less often.
const SMALL: usize = 180_000;
/// Output channels of a 2-D convolution that are computed at a time: fewer products are larger blocks.
const GROUP: usize = 64;
/// The same when all threads work on a block. They are written and read once each, between reading all the filters: fewer
/// blocks read the filters less often, larger ones leave the last-level cache.
const LARGE: usize = 6 << 20;

impl Convolution {
    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.epilogue.channels()
    }

    /// Extents of the convolution itself.
    pub fn extents(&self, shape: Shape) -> Shape {
        let extent = |axis: &Algorithm, n| (n + 2 * axis.pad - axis.taps) / axis.stride + 1;
        let [space, time] = self.kind.axes();
        Shape {
            items: shape.items,
            frames: extent(time, shape.frames),
            height: extent(space, shape.height),
            width: extent(space, shape.width),
        }
    }

    /// Extents of the output: of the convolution, or of the max pool after it.
    pub fn output_shape(&self, shape: Shape) -> Shape {
        let shape = self.extents(shape);
        if self.max_pool {
            max_pool_shape(shape)
        } else {
            shape
        }
    }

    /// Tiles down and across.
    pub fn grid(&self, shape: Shape) -> [usize; 2] {
        let [space, _] = self.kind.axes();
        let Shape { height, width, .. } = self.extents(shape);
        [height, width].map(|extent| extent.div_ceil(space.outputs))
    }

    /// Spatial tiles of all items.
    pub fn tiles(&self, shape: Shape) -> usize {
        let [down, across] = self.grid(shape);
        shape.items * down * across
    }

    /// Computes a job in blocks that suit the crew, with `scratch` for the transformed inputs, for the products, and for what
    /// threads need in between.
    pub fn run(&self, isa: Isa, crew: Crew, job: &mut Job, scratch: &mut [Buffer; 3]) {
        let shape = job.input.shape();
        let tiles = self.tiles(shape);
        let limit = if crew == Crew::Alone { SMALL } else { LARGE };
        let [inputs, _] = self.channels();
        let outputs = self.group() * self.extents(shape).frames;
        let per_tile = self.points() * (inputs * shape.frames).max(outputs);
        let blocks = tiles.div_ceil((limit / per_tile).max(1));
        if self.max_pool {
            job.output.fill(f32::NEG_INFINITY);
        }
        for block in 0..blocks {
            Block::new(self, shape, share(tiles, block, blocks)).run(isa, crew, job, scratch);
        }
    }

    /// Output channels that a block computes at a time, at most: in volumes, whose filters are read once, all of them.
    pub fn group(&self) -> usize {
        if self.kind.is_volume() {
            self.outputs()
        } else {
            self.outputs().min(GROUP)
        }
    }

    /// Channels of the points, inputs and products: inputs are filled up to a line.
    pub fn channels(&self) -> [usize; 2] {
        [self.inputs.next_multiple_of(LINE), self.outputs()]
    }

    /// Points of a spatial tile.
    pub fn points(&self) -> usize {
        let [space, _] = self.kind.axes();
        space.points * space.points
    }
}
