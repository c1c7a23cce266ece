//! Activations, channels last, in borrowed memory.

use crate::engine::cpu::buffer::Span;
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

/// How the elements of an array lie in memory.
#[derive(Clone, Copy)]
pub struct Layout<const AXES: usize> {
    /// Floats from one element to the next along each axis, the outermost first.
    pub strides: [usize; AXES],
}

impl<const AXES: usize> Layout<AXES> {
    /// The position of an element. Places before the first one, as wrapped numbers, have wrapped positions.
    #[inline(always)]
    pub fn at(&self, place: [usize; AXES]) -> usize {
        let mut at = 0usize;
        for axis in 0..AXES {
            at = at.wrapping_add(place[axis].wrapping_mul(self.strides[axis]));
        }
        at
    }
}

/// An activation, `[items, frames, rows, columns, channels]`, or some of its channels, in memory that holds all of it.
/// `D` is `&[f32]` to read, `&mut [f32]` to write, and a [`Span`] where several threads write.
#[derive(Clone, Copy)]
pub struct View<D> {
    data: D,
    shape: Shape,
    channels: usize,
    /// Of items, frames, rows and pixels.
    layout: Layout<4>,
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
            layout: Layout {
                strides: [shape.frames * frame, frame, row, width],
            },
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

    /// Where the pixels lie, given by item, frame, row and column.
    #[inline(always)]
    pub fn layout(&self) -> Layout<4> {
        self.layout
    }

    /// Prefetch distance for tiles of this width: from a pixel to the same one of the next frame or, where there is only one
    /// frame, of the next tile.
    #[inline(always)]
    pub fn ahead(&self, width: usize) -> usize {
        let [_, frame, _, pixel] = self.layout.strides;
        if self.shape.frames > 1 {
            frame
        } else {
            width * pixel
        }
    }

    /// The same in other hands.
    fn with<E>(&self, data: E) -> View<E> {
        View {
            data,
            shape: self.shape,
            channels: self.channels,
            layout: self.layout,
        }
    }
}

impl<'a> View<&'a [f32]> {
    /// The same, to be read without checks.
    pub fn span(&self) -> View<Span<'a>> {
        self.with(Span::shared(self.data))
    }

    /// The values as PyTorch lays them out: `[items, channels, frames, rows, columns]`.
    pub fn channels_first(&self) -> Vec<f32> {
        let (shape, layout) = (self.shape, self.layout);
        let mut values = Vec::with_capacity(shape.pixels() * self.channels);
        for item in 0..shape.items {
            for channel in 0..self.channels {
                for frame in 0..shape.frames {
                    for row in 0..shape.height {
                        let start = layout.at([item, frame, row, 0]) + channel;
                        let pixels = self.data[start..].iter().step_by(layout.strides[3]);
                        values.extend(pixels.take(shape.width));
                    }
                }
            }
        }
        values
    }
}

impl View<&mut [f32]> {
    /// Sets every value of these channels.
    pub fn fill(&mut self, value: f32) {
        let pixels = self.data.chunks_mut(self.layout.strides[3]);
        for pixel in pixels.take(self.shape.pixels()) {
            pixel[..self.channels].fill(value);
        }
    }

    /// The same, to be read and written without checks.
    pub fn span_mut(&mut self) -> View<Span<'_>> {
        let view = self.with(());
        view.with(Span::new(self.data))
    }
}
