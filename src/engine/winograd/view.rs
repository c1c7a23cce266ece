//! Activations: channels-last, inside a span.

use super::buffer::Span;

/// Extents of an activation. A 2-D layer takes each frame as an item of one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Clips, or frames of a 2-D layer.
    pub items: usize,
    /// Frames per item.
    pub frames: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// `items` of `frames` square frames.
    pub const fn square(items: usize, frames: usize, side: usize) -> Self {
        Self {
            items,
            frames,
            height: side,
            width: side,
        }
    }

    /// Pixels of all items.
    pub fn pixels(self) -> usize {
        self.items * self.frames * self.height * self.width
    }
}

/// An activation, `[items, frames, rows, columns, channels]`, or some of its channels.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The memory.
    pub span: Span<'a>,
    /// Position of the first float.
    pub origin: usize,
    /// The image row stored at `origin`; not zero for a view that holds a few rows only.
    pub first_row: usize,
    /// Floats between neighbouring pixels, rows, frames and items.
    pub strides: [usize; 4],
}

impl<'a> View<'a> {
    /// The channels from `first` on of a dense activation of `width` channels.
    pub fn dense(span: Span<'a>, shape: Shape, width: usize, first: usize) -> Self {
        let row = shape.width * width;
        let frame = shape.height * row;
        Self {
            span,
            origin: first,
            first_row: 0,
            strides: [width, row, frame, shape.frames * frame],
        }
    }

    /// Position of channel 0 of pixel `n` of a dense activation.
    pub fn pixel(self, n: usize) -> usize {
        self.origin + n * self.strides[0]
    }

    /// Position of channel 0 of a pixel.
    #[inline(always)]
    pub fn at(self, item: usize, frame: usize, y: usize, x: usize) -> usize {
        let [pixel, row, per_frame, per_item] = self.strides;
        self.origin + item * per_item + frame * per_frame + (y - self.first_row) * row + x * pixel
    }
}
