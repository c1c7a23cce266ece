//! A convolution by tiles, as it is planned: what it consists of, and its extents.

use super::gemm::Epilogue;
pub use super::kind::Kind;
use super::view::{Shape, View};
use crate::engine::cpu::amx::Amx;
use crate::engine::cpu::buffer::{Buffer, LINE};

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
    /// The unit that computes the products, if it does; for volumes only.
    pub amx: Option<Amx>,
    /// Whether a max pool follows, of 3x3 pixels with stride 2 and no padding, whose last windows may be cut off
    /// (`ceil_mode`).
    pub max_pool: bool,
}

/// One application of a convolution.
pub struct Job<'a> {
    /// The input; the channels after the last one, up to a whole line, are zero.
    pub input: View<&'a [f32]>,
    /// Receives the finished activation.
    pub output: View<&'a mut [f32]>,
    /// Receives convolution + bias + residual.
    pub raw: Option<View<&'a mut [f32]>>,
    /// Added to the convolution.
    pub residual: Option<View<&'a [f32]>>,
}

/// Output channels of a 2-D convolution that are computed at a time: with fewer products, blocks have more tiles.
const GROUP: usize = 64;

impl Convolution {
    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.epilogue.channels()
    }

    /// Channels of the points, inputs and products: inputs are filled up to a line.
    pub fn channels(&self) -> [usize; 2] {
        [self.inputs.next_multiple_of(LINE), self.outputs()]
    }

    /// The most output channels that a block computes at a time: in volumes, whose filters are read once, all of them.
    pub fn group(&self) -> usize {
        if self.kind.is_volume() {
            self.outputs()
        } else {
            self.outputs().min(GROUP)
        }
    }

    /// Points of a spatial tile.
    pub fn points(&self) -> usize {
        let [space, _] = self.kind.axes();
        space.points * space.points
    }

    /// Extents of the convolution itself.
    pub fn extents(&self, shape: Shape) -> Shape {
        let [space, time] = self.kind.axes();
        Shape {
            items: shape.items,
            frames: time.extent(shape.frames),
            height: space.extent(shape.height),
            width: space.extent(shape.width),
        }
    }

    /// Extents of the output: of the convolution, or of the max pool after it.
    pub fn output_shape(&self, shape: Shape) -> Shape {
        let mut shape = self.extents(shape);
        if self.max_pool {
            for extent in [&mut shape.height, &mut shape.width] {
                *extent = (*extent - 2) / 2 + 1;
            }
        }
        shape
    }

    /// Spatial tiles: items, rows of tiles, columns of tiles.
    pub fn tiles(&self, shape: Shape) -> [usize; 3] {
        let [space, _] = self.kind.axes();
        let Shape { height, width, .. } = self.extents(shape);
        [
            shape.items,
            height.div_ceil(space.outputs),
            width.div_ceil(space.outputs),
        ]
    }
}
