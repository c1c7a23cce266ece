//! Activations: channels-last, in borrowed memory.

use super::buffer::Span;
use std::ops::Deref;

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

/// An activation, `[items, frames, rows, columns, channels]`, or some of its channels, in memory that holds all of it.
/// `D` is `&[f32]` to read, `&mut [f32]` to write, and a [`Span`] where several threads write.
#[derive(Clone, Copy)]
pub struct View<D> {
    data: D,
    shape: Shape,
    channels: usize,
    /// Floats between neighbouring pixels, rows, frames and items.
    strides: [usize; 4],
}

impl<D: Deref<Target = [f32]>> View<D> {
    /// The first `channels` of every `width` floats.
    ///
    /// # Panics
    /// When `data` holds less than these channels of all pixels.
    pub fn new(data: D, shape: Shape, width: usize, channels: usize) -> Self {
        assert!(channels <= width && shape.pixels() * width <= data.len() + (width - channels));
        let row = shape.width * width;
        let frame = shape.height * row;
        Self {
            data,
            shape,
            channels,
            strides: [width, row, frame, shape.frames * frame],
        }
    }
}

impl<D> View<D> {
    /// The memory, from channel 0 of the first pixel on.
    pub fn data(self) -> D {
        self.data
    }

    /// Extents.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Floats between neighbouring pixels.
    pub fn pixel(&self) -> usize {
        self.strides[0]
    }

    /// Floats between neighbouring rows.
    pub fn row(&self) -> usize {
        self.strides[1]
    }

    /// Floats from a pixel to the one that tiles of this width come to soon after: in the next frame, or in the next tile of
    /// the only one.
    #[inline(always)]
    pub fn ahead(&self, width: usize) -> usize {
        let [pixel, _, frame, _] = self.strides;
        if self.shape.frames > 1 {
            frame
        } else {
            width * pixel
        }
    }

    /// Position of channel 0 of a pixel.
    #[inline(always)]
    pub fn at(&self, [item, frame, y, x]: [usize; 4]) -> usize {
        let [pixel, row, per_frame, per_item] = self.strides;
        item * per_item + frame * per_frame + y * row + x * pixel
    }
}

impl View<&mut [f32]> {
    /// Makes every value of these channels `value`.
    pub fn fill(&mut self, value: f32) {
        let pixels = self.data.chunks_mut(self.strides[0]);
        for pixel in pixels.take(self.shape.pixels()) {
            pixel[..self.channels].fill(value);
        }
    }

    /// The same, for several threads to write.
    pub fn share(&mut self) -> View<Span<'_>> {
        View {
            data: Span::new(self.data),
            shape: self.shape,
            channels: self.channels,
            strides: self.strides,
        }
    }
}
