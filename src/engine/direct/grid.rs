//! Where the pixels of an activation lie.

use crate::engine::cpu::buffer::LINE;

/// Channels of a line.
pub(super) const CHANNELS: usize = 2 * LINE;
/// Lines behind the last item of a buffer: a tile that hangs over the end of a map reads, and ignores, what follows.
pub(super) const SLACK: usize = 64;

/// How an item lies: `[frame][chunk of 32 channels][pixel]`, a line each.
///
/// Around the pixels of a map lies a border of zeros, so that a filter that hangs over reads zeros. A row ends where the next one
/// begins: one column of zeros is the border of both. Volumes have a frame of zeros before the first and after the last, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    /// Chunks of channels.
    pub chunks: usize,
    /// Frames, rows and columns.
    pub extents: [usize; 3],
    /// Whether it is a volume.
    pub in_time: bool,
    /// Whether even and odd rows and columns lie in four planes: what a convolution with stride 2 reads of a row is then
    /// contiguous.
    pub apart: bool,
}

impl Grid {
    /// Rows and columns of a plane.
    fn sides(&self) -> [usize; 2] {
        let [_, height, width] = self.extents;
        let parts = if self.apart { 2 } else { 1 };
        [height.div_ceil(parts), width.div_ceil(parts)]
    }

    /// Lines from a row to the next.
    pub(super) fn pitch(&self) -> usize {
        self.sides()[1] + 1
    }

    /// Lines of a plane.
    pub(super) fn plane(&self) -> usize {
        (self.sides()[0] + 2) * self.pitch() + 1
    }

    /// Lines of a chunk of a frame.
    pub(super) fn map(&self) -> usize {
        self.plane() * if self.apart { 4 } else { 1 }
    }

    /// Lines of a frame.
    pub(super) fn frame(&self) -> usize {
        self.chunks * self.map()
    }

    /// Frames with those of zeros.
    pub(super) fn all_frames(&self) -> usize {
        self.extents[0] + if self.in_time { 2 } else { 0 }
    }

    /// Lines of an item.
    pub(super) fn item(&self) -> usize {
        self.all_frames() * self.frame()
    }

    /// The first line of a chunk of a frame of an item.
    pub(super) fn start(&self, [item, frame, chunk]: [usize; 3]) -> usize {
        let frame = frame + usize::from(self.in_time);
        item * self.item() + frame * self.frame() + chunk * self.map()
    }

    /// The line of a pixel, from the first one of its chunk on.
    pub(super) fn pixel(&self, y: usize, x: usize) -> usize {
        if self.apart {
            let plane = y % 2 * 2 + x % 2;
            // Odd rows and columns have zeros before them: what a filter at the edge reads is odd.
            plane * self.plane() + y.div_ceil(2) * self.pitch() + x.div_ceil(2)
        } else {
            (y + 1) * self.pitch() + x + 1
        }
    }
}

/// Some channels of an activation in a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Where all of it lies.
    pub grid: Grid,
    /// The first chunk that is meant.
    pub first: usize,
    /// How many are meant.
    pub chunks: usize,
}

impl Part {
    /// The first line of chunk `chunk` of these, in a frame of an item.
    pub(super) fn start(&self, [item, frame, chunk]: [usize; 3]) -> usize {
        self.grid.start([item, frame, self.first + chunk])
    }
}
