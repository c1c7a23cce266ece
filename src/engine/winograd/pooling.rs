//! Pooling on channels-last activations.

use super::buffer::{Span, View};
use super::gemm::Epilogue;
use super::simd::{Simd, WithSimd, floor_at};

/// One output row of a 3x3 stride-2 max pool without padding, whose last window may be cut off (`ceil_mode`).
pub struct MaxPoolRow<'a> {
    /// Memory of the input.
    pub input: Span<'a>,
    /// Where the rows of the window start, two or three.
    pub rows: &'a [usize],
    /// Pixels per input row.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Memory of the output, and where the row goes.
    pub output: (Span<'a>, usize),
}

/// Output extent of a [`MaxPoolRow`] along an axis of `input`.
pub fn max_pool_extent(input: usize) -> usize {
    (input - 2) / 2 + 1
}

impl WithSimd for MaxPoolRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (output, to) = self.output;
        for x in 0..max_pool_extent(self.width) {
            let columns = 2 * x..(2 * x + 3).min(self.width);
            for c in (0..self.channels).step_by(S::F32_LANES) {
                let mut most = s.splat_f32s(f32::NEG_INFINITY);
                for row in self.rows {
                    for x in columns.clone() {
                        // SAFETY: inside the window, which is complete.
                        let value = unsafe { self.input.load::<S>(row + x * self.channels + c) };
                        most = floor_at(s, value, most);
                    }
                }
                // SAFETY: this row of the output is this call's.
                unsafe { output.store::<S>(to + x * self.channels + c, most) }
            }
        }
    }
}

/// One row of a 3x3 stride-1 average pool with padding 1, padding counted, then an epilogue.
///
/// The pool stands before a 1x1 convolution in the network. Both are linear, so the convolution goes first: fewer
/// channels are left to pool.
pub struct AveragePoolRow<'a> {
    /// Input, of `height` by `width` pixels.
    pub input: View<'a>,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Output.
    pub output: View<'a>,
    /// What follows, from which of its channels on.
    pub epilogue: (&'a Epilogue, usize),
    /// Item.
    pub item: usize,
    /// Row.
    pub y: usize,
}

impl WithSimd for AveragePoolRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let ninth = s.splat_f32s(1.0 / 9.0);
        let rows = self.y.saturating_sub(1)..(self.y + 2).min(self.height);
        for x in 0..self.width {
            let to = self.output.at(self.item, 0, self.y, x);
            for c in (0..self.channels).step_by(S::F32_LANES) {
                let mut sum = s.splat_f32s(0.0);
                for y in rows.clone() {
                    for x in x.saturating_sub(1)..(x + 2).min(self.width) {
                        // SAFETY: inside the image, which is complete.
                        let value = unsafe {
                            self.input
                                .span
                                .load::<S>(self.input.at(self.item, 0, y, x) + c)
                        };
                        sum = s.add_f32s(sum, value);
                    }
                }
                let (epilogue, first) = self.epilogue;
                let value = epilogue.at::<S>(first + c).apply(s, s.mul_f32s(sum, ninth));
                // SAFETY: this row of the output is this call's.
                unsafe { self.output.span.store::<S>(to + c, value) }
            }
        }
    }
}
