//! Matrix products of the engine.
//!
//! The left matrix is read in place, row by row, one float at a time. The right one is packed in panels of two vectors,
//! `[panel][depth][2 vectors]`, and read once from front to back. Each element of the product is one chain of fused
//! multiply-adds in the order of the depth, so its bits depend neither on the block it falls into nor on the vector width.

#![allow(unsafe_code, reason = "a kernel")]

use crate::engine::cpu::buffer::Span;
pub use crate::engine::cpu::epilogue::Epilogue;
use crate::engine::cpu::simd::{FAR, NEAR, Simd, WithSimd, bound, load, prefetch};
use std::hint::black_box;

/// A product `c = a * b`, and what is done with it.
pub struct Gemm<'a> {
    /// The left matrix.
    pub a: &'a [f32],
    /// The right matrix, packed.
    pub b: &'a [f32],
    /// Receives the product.
    pub c: &'a mut [f32],
    /// Rows of the left matrix.
    pub rows: usize,
    /// Its columns, the rows of the right matrix.
    pub depth: usize,
    /// Columns of the right matrix, whole panels.
    pub columns: usize,
    /// Floats between rows, of the left matrix and of the product.
    pub strides: [usize; 2],
    /// Whether the product is added to what `c` holds, because the depth comes in pieces.
    pub add: bool,
    /// What is done with the sums before they are stored.
    pub epilogue: Option<&'a Epilogue>,
    /// What is read soon after; prefetched step by step.
    pub next: &'a [f32],
}

impl WithSimd for Gemm<'_> {
    type Output = ();

    /// Computes the product, panel by panel.
    ///
    /// # Panics
    /// When a matrix is longer than its slice.
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, s: S) {
        let (panel, rows) = (2 * S::F32_LANES, self.rows);
        assert!(self.columns.is_multiple_of(panel));
        let sides = [(self.depth, self.a.len()), (self.columns, self.c.len())];
        for ((columns, len), stride) in sides.into_iter().zip(self.strides) {
            assert!(columns <= stride && rows * stride <= len + (stride - columns));
        }
        let c = Span::new(std::mem::take(&mut self.c));
        // Rows kept in registers at a time, two vectors each.
        let blocks = rows.div_ceil(if S::REGISTER_COUNT < 32 { 6 } else { 8 });
        let steps = (self.columns / panel * blocks * self.depth).max(1);
        let step = size_of_val(self.next).div_ceil(steps);
        let mut next = self.next.as_ptr();
        for column in (0..self.columns).step_by(panel) {
            let b = &self.b[column * self.depth..][..panel * self.depth];
            let mut row = 0;
            // Blocks of equal size: a small remainder could not hide the latency of its additions.
            for blocks in (1..=blocks).rev() {
                let rows = (rows - row).div_ceil(blocks);
                macro_rules! block {
                    ($($count:literal)*) => {
                        match rows {
                            $($count => self.block::<S, $count>(s, c, [row, column], b, (next, step)),)*
                            _ => unreachable!("a block has at most 8 rows"),
                        }
                    };
                }
                block!(1 2 3 4 5 6 7 8);
                next = next.wrapping_byte_add(self.depth * step);
                row += rows;
            }
        }
    }
}

impl Gemm<'_> {
    /// `R` rows of the product in the columns of one panel, `b`, from `row` and `column` on. Meanwhile the rows after these are
    /// prefetched, and `next`: from where, and bytes per step.
    #[inline(always)]
    fn block<S: Simd, const R: usize>(
        &self,
        s: S,
        c: Span,
        [row, column]: [usize; 2],
        b: &[f32],
        next: (*const f32, usize),
    ) {
        let lanes = S::F32_LANES;
        let (depth, [a_stride, c_stride]) = (self.depth, self.strides);
        let rows: [&[f32]; R] = std::array::from_fn(|r| {
            let at = (row + r) * a_stride;
            bound!(at + depth <= self.a.len());
            // SAFETY: the left matrix has this row. The compiler must not know that rows are equally far apart: it would
            // compute each address from the one before, in every step.
            black_box(unsafe { self.a.get_unchecked(at..at + depth) })
        });
        let at = |r: usize| (row + r) * c_stride + column;
        let mut sums = [[s.splat_f32s(0.0); 2]; R];
        if self.add {
            for (r, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the product has this row and these columns.
                *sum = unsafe { [c.load::<S>(at(r)), c.load::<S>(at(r) + lanes)] };
            }
        }
        let pairs = b.chunks_exact(4 * lanes);
        let last = pairs.remainder();
        for (i, b) in pairs.enumerate() {
            prefetch::<FAR>(next.0.wrapping_byte_add(2 * i * next.1));
            prefetch::<NEAR>(rows[0].as_ptr().wrapping_add(R * (a_stride + 2 * i)));
            let (even, odd) = b.split_at(2 * lanes);
            multiply_add(s, rows, 2 * i, even, &mut sums);
            multiply_add(s, rows, 2 * i + 1, odd, &mut sums);
        }
        if !last.is_empty() {
            multiply_add(s, rows, depth - 1, last, &mut sums);
        }
        for half in 0..2 {
            if let Some(epilogue) = self.epilogue {
                let finisher = epilogue.at::<S>(column + half * lanes);
                for sum in &mut sums {
                    sum[half] = finisher.activate(s, sum[half]);
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                // SAFETY: the product has this row and these columns.
                unsafe { c.store::<S>(at(r) + half * lanes, sum[half]) }
            }
        }
    }
}

/// Adds column `k` of the rows times row `k` of the panel, `b`.
#[inline(always)]
fn multiply_add<S: Simd, const R: usize>(
    s: S,
    rows: [&[f32]; R],
    k: usize,
    b: &[f32],
    sums: &mut [[S::f32s; 2]; R],
) {
    let (b0, b1) = (load::<S>(b, 0), load::<S>(b, S::F32_LANES));
    for r in 0..R {
        bound!(k < rows[r].len());
        // SAFETY: the rows are as long as the matrix is deep.
        let x = s.splat_f32s(unsafe { *rows[r].get_unchecked(k) });
        sums[r] = [
            s.mul_add_f32s(x, b0, sums[r][0]),
            s.mul_add_f32s(x, b1, sums[r][1]),
        ];
    }
}
