//! Memory: an aligned buffer, and a view of it that several threads fill at disjoint places.

use super::simd::Simd;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Floats in a cache line; every buffer starts on one.
pub const LINE: usize = 16;

/// `len` floats, zero, starting on a cache line. The allocator takes large buffers from the system as untouched zero
/// pages, so that each page is first touched by the thread that fills it.
#[derive(Default)]
pub struct Buffer {
    data: Vec<f32>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// A zeroed buffer of `len` floats.
    pub fn zeroed(len: usize) -> Self {
        let data = vec![0.0; len + LINE];
        let start = data
            .as_ptr()
            .align_offset(LINE * size_of::<f32>())
            .min(LINE);
        Self { data, start, len }
    }

    /// Makes room for `len` floats; the content is lost when the buffer grows.
    pub fn reserve(&mut self, len: usize) {
        if self.len < len {
            *self = Self::default();
            *self = Self::zeroed(len);
        }
    }

    /// The whole buffer as a [`Span`].
    pub fn span(&mut self) -> Span<'_> {
        Span::new(self)
    }
}

impl From<&[f32]> for Buffer {
    fn from(values: &[f32]) -> Self {
        let mut buffer = Self::zeroed(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.data[self.start..][..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.start..][..self.len]
    }
}

/// An exclusively borrowed slice whose copies may be used by several threads at once.
///
/// Reading and writing are unsafe: whoever hands copies out sees to it that no element is written by one thread while
/// another one uses it. Positions are asserted in debug builds.
#[derive(Clone, Copy)]
pub struct Span<'a> {
    ptr: *mut f32,
    len: usize,
    borrow: PhantomData<&'a mut [f32]>,
}

// SAFETY: a Span is a borrowed slice of floats; the callers of its unsafe methods rule out data races.
unsafe impl Send for Span<'_> {}
// SAFETY: as above.
unsafe impl Sync for Span<'_> {}

impl<'a> Span<'a> {
    /// The span of a slice.
    pub fn new(slice: &'a mut [f32]) -> Self {
        Self {
            ptr: slice.as_mut_ptr(),
            len: slice.len(),
            borrow: PhantomData,
        }
    }

    /// Where `len` floats from `at` on lie.
    #[inline(always)]
    pub fn part(self, at: usize, len: usize) -> *const f32 {
        debug_assert!(at + len <= self.len, "{at} + {len} of {}", self.len);
        self.ptr.wrapping_add(at)
    }

    /// The vector that starts at `at`.
    ///
    /// # Safety
    /// `at + lanes <= len`, and no thread writes these floats meanwhile.
    #[inline(always)]
    pub unsafe fn load<S: Simd>(self, at: usize) -> S::f32s {
        debug_assert!(at + S::F32_LANES <= self.len, "{at} of {}", self.len);
        // SAFETY: in bounds and not written by others (contract); any bits are a vector of floats.
        unsafe { self.ptr.add(at).cast::<S::f32s>().read_unaligned() }
    }

    /// Writes the vector that starts at `at`.
    ///
    /// # Safety
    /// `at + lanes <= len`, and no other thread uses these floats meanwhile.
    #[inline(always)]
    pub unsafe fn store<S: Simd>(self, at: usize, value: S::f32s) {
        debug_assert!(at + S::F32_LANES <= self.len, "{at} of {}", self.len);
        // SAFETY: in bounds and not used by others (contract).
        unsafe { self.ptr.add(at).cast::<S::f32s>().write_unaligned(value) }
    }

    /// `len` floats from `at` as a slice.
    ///
    /// # Safety
    /// The range lies inside the span, and nobody else uses these floats while the slice lives.
    pub unsafe fn slice_mut(self, at: usize, len: usize) -> &'a mut [f32] {
        assert!(at + len <= self.len, "{at} + {len} of {}", self.len);
        // SAFETY: in bounds; exclusive by contract.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.add(at), len) }
    }
}

/// A channels-last activation inside a span: `[items, frames, rows, columns, channels]`, any channel slice of it.
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
    /// A dense activation of `channels` channels with the given frames per item, rows and columns.
    pub fn dense(span: Span<'a>, [frames, height, width]: [usize; 3], channels: usize) -> Self {
        let row = width * channels;
        let frame = height * row;
        Self {
            span,
            origin: 0,
            first_row: 0,
            strides: [channels, row, frame, frames * frame],
        }
    }

    /// The same activation starting `floats` later: at a later channel, or behind another activation.
    pub fn skip(self, floats: usize) -> Self {
        Self {
            origin: self.origin + floats,
            ..self
        }
    }

    /// A dense activation as a matrix of pixels by channels, from pixel `first` on: its memory, where it begins there, and
    /// the floats between rows.
    pub fn rows(self, first: usize) -> (Span<'a>, usize, usize) {
        let pixel = self.strides[0];
        (self.span, self.origin + first * pixel, pixel)
    }

    /// Position of channel 0 of a pixel.
    #[inline(always)]
    pub fn at(self, item: usize, frame: usize, y: usize, x: usize) -> usize {
        let [pixel, row, per_frame, per_item] = self.strides;
        self.origin + item * per_item + frame * per_frame + (y - self.first_row) * row + x * pixel
    }
}
