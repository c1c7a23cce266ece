//! Memory: an aligned buffer, and a span of it that several threads fill at disjoint places.

#![allow(unsafe_code, reason = "threads share a slice through it")]

use super::large_pages;
use super::simd::{NEAR, Simd, bound, prefetch};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Floats in a cache line; every buffer starts on one.
pub const LINE: usize = 16;

/// Zeroed floats that start on a cache line. Large buffers come from the system as untouched zero pages, so each page is first
/// touched by the thread that fills it.
#[derive(Default)]
pub struct Buffer {
    data: Vec<f32>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// A zeroed buffer of `len` floats.
    pub fn zeroed(len: usize) -> Self {
        Self::aligned(len, len, LINE)
    }

    /// The same, of whole large pages, where the system has them ready: for what is read all over, a bit here and a bit there.
    pub fn in_large_pages(len: usize) -> Self {
        const PAGE: usize = large_pages::LARGE_PAGE / size_of::<f32>();
        // What is short of half of one would cost more memory than it is.
        match len < PAGE / 2 {
            true => Self::zeroed(len),
            false => Self::aligned(len, len.next_multiple_of(PAGE), PAGE),
        }
    }

    /// A buffer of `len` floats, of `room` that are there, that starts on so many floats.
    fn aligned(len: usize, room: usize, floats: usize) -> Self {
        let data = vec![0.0_f32; room + floats];
        let start = data
            .as_ptr()
            .align_offset(floats * size_of::<f32>())
            .min(floats);
        large_pages::ask(&data[start..][..room]);
        Self { data, start, len }
    }

    /// The first `len` floats. A buffer that has fewer is replaced by a larger one, without its content.
    pub fn room(&mut self, len: usize) -> &mut [f32] {
        if self.len < len {
            *self = Self::default();
            *self = Self::zeroed(len);
        }
        &mut self[..len]
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

/// A borrowed slice that kernels read and write without checks, several threads at disjoint places.
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
    /// A slice to be read and written.
    pub fn new(slice: &'a mut [f32]) -> Self {
        Self {
            ptr: slice.as_mut_ptr(),
            len: slice.len(),
            borrow: PhantomData,
        }
    }

    /// A slice to be read.
    #[inline(always)]
    pub fn shared(slice: &'a [f32]) -> Self {
        Self {
            ptr: slice.as_ptr().cast_mut(),
            len: slice.len(),
            borrow: PhantomData,
        }
    }

    /// How many floats there are.
    #[inline(always)]
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Prefetches the cache line of position `at`, which may lie beyond the end.
    #[inline(always)]
    pub fn prefetch(self, at: usize) {
        prefetch::<NEAR>(self.ptr.wrapping_add(at));
    }

    /// `len` floats from `at` on, to be read.
    ///
    /// # Safety
    /// `at + len <= self.len()`, and no other thread writes these floats while they are borrowed.
    #[inline(always)]
    pub unsafe fn slice(self, at: usize, len: usize) -> &'a [f32] {
        bound!(at + len <= self.len, "{at} and {len} of {}", self.len);
        // SAFETY: in bounds and not written by others (contract).
        unsafe { std::slice::from_raw_parts(self.ptr.add(at), len) }
    }

    /// `len` floats from `at` on, to be written.
    ///
    /// # Safety
    /// `at + len <= self.len()`, the slice is not [`Span::shared`], and nobody else uses these floats while they are borrowed.
    #[inline(always)]
    pub unsafe fn slice_mut(self, at: usize, len: usize) -> &'a mut [f32] {
        bound!(at + len <= self.len, "{at} and {len} of {}", self.len);
        // SAFETY: in bounds and not used by others (contract).
        unsafe { std::slice::from_raw_parts_mut(self.ptr.add(at), len) }
    }

    /// Reads the vector that starts at `at`.
    ///
    /// # Safety
    /// `at + lanes <= len`, and no other thread writes these floats.
    #[inline(always)]
    pub unsafe fn load<S: Simd>(self, at: usize) -> S::f32s {
        bound!(at + S::F32_LANES <= self.len, "{at} of {}", self.len);
        // SAFETY: in bounds and not written by others (contract); any bits are a vector of floats.
        unsafe { self.ptr.add(at).cast::<S::f32s>().read_unaligned() }
    }

    /// Writes the vector that starts at `at`.
    ///
    /// # Safety
    /// `at + lanes <= len`, the slice is not [`Span::shared`], and no other thread uses these floats.
    #[inline(always)]
    pub unsafe fn store<S: Simd>(self, at: usize, value: S::f32s) {
        bound!(at + S::F32_LANES <= self.len, "{at} of {}", self.len);
        // SAFETY: in bounds and not used by others (contract).
        unsafe { self.ptr.add(at).cast::<S::f32s>().write_unaligned(value) }
    }
}
