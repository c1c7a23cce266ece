//! Matrix product: rows read in place times a packed matrix, one register-blocked kernel.
//!
//! The left matrix is not packed: its rows are read where they lie, one broadcast float at a time. The right one lies in
//! panels of two vectors, `[panel][depth][2 vectors]`, read once, front to back. Each element of the product is one chain
//! of fused multiply-adds in the order of the depth, so its bits depend neither on the block it falls into nor on the
//! vector width.

#![allow(unsafe_code, reason = "a kernel")]

use super::buffer::Span;
use super::simd::{FAR, NEAR, Simd, WithSimd, floor_at, load, prefetch};
use std::hint::black_box;

/// Per channel: `max(sum * scale + shift, floor)`, the residual being in the sum.
#[derive(Clone, Default)]
pub struct Epilogue {
    /// The convolution's: what the sum lacks where it is wanted itself.
    pub bias: Vec<f32>,
    /// Batch norm's factor.
    pub scale: Vec<f32>,
    /// Batch norm's offset, and what the bias becomes.
    pub shift: Vec<f32>,
    /// 0 for ReLU, minus infinity for none.
    pub floor: Vec<f32>,
}

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
    /// Whether it is added to what `c` holds: the depth comes in pieces.
    pub add: bool,
    /// What is done with the sums before they are stored.
    pub epilogue: Option<&'a Epilogue>,
    /// What is read soon after: brought near meanwhile, step by step.
    pub next: &'a [f32],
}

impl WithSimd for Gemm<'_> {
    type Output = ();

    /// Computes the product, panel by panel.
    ///
    /// # Panics
    /// When a matrix lies beyond its slice.
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, s: S) {
        let (lanes, rows) = (S::F32_LANES, self.rows);
        assert!(self.columns.is_multiple_of(2 * lanes));
        let sides = [(self.depth, self.a.len()), (self.columns, self.c.len())];
        for ((columns, len), stride) in sides.into_iter().zip(self.strides) {
            assert!(columns <= stride && rows * stride <= len + (stride - columns));
        }
        let c = Span::new(std::mem::take(&mut self.c));
        let blocks = rows.div_ceil(block_rows::<S>());
        let panels = self.columns / (2 * lanes);
        let steps = (panels * blocks * self.depth).max(1);
        let step = size_of_val(self.next).div_ceil(steps);
        let mut next = self.next.as_ptr();
        for column in (0..self.columns).step_by(2 * lanes) {
            let b = &self.b[column * self.depth..][..2 * lanes * self.depth];
            let mut row = 0;
            // Blocks of equal size: a small remainder could not hide the latency of its additions.
            for blocks in (1..=blocks).rev() {
                let rows = (rows - row).div_ceil(blocks);
                let at = [row, column];
                match rows {
                    1 => self.block::<S, 1>(s, c, at, b, (next, step)),
                    2 => self.block::<S, 2>(s, c, at, b, (next, step)),
                    3 => self.block::<S, 3>(s, c, at, b, (next, step)),
                    4 => self.block::<S, 4>(s, c, at, b, (next, step)),
                    5 => self.block::<S, 5>(s, c, at, b, (next, step)),
                    6 => self.block::<S, 6>(s, c, at, b, (next, step)),
                    7 => self.block::<S, 7>(s, c, at, b, (next, step)),
                    _ => self.block::<S, 8>(s, c, at, b, (next, step)),
                }
                next = next.wrapping_byte_add(self.depth * step);
                row += rows;
            }
        }
    }
}

/// Rows that one call of the kernel keeps in registers, two vectors each.
const fn block_rows<S: Simd>() -> usize {
    if S::REGISTER_COUNT < 32 { 6 } else { 8 }
}

impl Gemm<'_> {
    /// `R` rows of the product in the columns of one panel, `b`, from `row` and `column` on. Meanwhile the rows after these are
    /// brought near, and of what is read next as much as `next` says: from where, and bytes per step.
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
            // SAFETY: the left matrix has this row. The compiler must not know that rows are equally far apart: it would
            // compute each address from the one before, in every step.
            black_box(unsafe { self.a.get_unchecked(at..at + depth) })
        });
        let mut sums = [[s.splat_f32s(0.0); 2]; R];
        if self.add {
            for (r, sum) in sums.iter_mut().enumerate() {
                let at = (row + r) * c_stride + column;
                // SAFETY: the product has this row and these columns.
                *sum = unsafe { [c.load::<S>(at), c.load::<S>(at + lanes)] };
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
            let column = column + half * lanes;
            if let Some(epilogue) = self.epilogue {
                let finisher = epilogue.at::<S>(column);
                for sum in &mut sums {
                    sum[half] = finisher.activate(s, sum[half]);
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                // SAFETY: the product has this row and these columns.
                unsafe { c.store::<S>((row + r) * c_stride + column, sum[half]) }
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
        // SAFETY: the rows are as long as the matrix is deep.
        let x = s.splat_f32s(unsafe { *rows[r].get_unchecked(k) });
        sums[r] = [
            s.mul_add_f32s(x, b0, sums[r][0]),
            s.mul_add_f32s(x, b1, sums[r][1]),
        ];
    }
}

impl Epilogue {
    /// A bias and nothing else.
    pub fn bias(bias: &[f32]) -> Self {
        let fill = |value| vec![value; bias.len()];
        Self {
            bias: bias.to_vec(),
            scale: fill(1.0),
            shift: bias.to_vec(),
            floor: fill(f32::NEG_INFINITY),
        }
    }

    /// How many channels it is for.
    pub fn channels(&self) -> usize {
        self.bias.len()
    }

    /// The channels of both, side by side.
    pub fn append(&mut self, other: Self) {
        self.bias.extend(other.bias);
        self.scale.extend(other.scale);
        self.shift.extend(other.shift);
        self.floor.extend(other.floor);
    }

    /// The vectors of the channels from `channel` on.
    #[inline(always)]
    pub fn at<S: Simd>(&self, channel: usize) -> Finisher<S> {
        Finisher {
            scale: load::<S>(&self.scale, channel),
            shift: load::<S>(&self.shift, channel),
            floor: load::<S>(&self.floor, channel),
        }
    }
}

/// An [`Epilogue`] of some channels, in registers.
#[derive(Clone, Copy)]
pub struct Finisher<S: Simd> {
    scale: S::f32s,
    shift: S::f32s,
    floor: S::f32s,
}

impl<S: Simd> Finisher<S> {
    /// `max(sum * scale + shift, floor)`.
    #[inline(always)]
    pub fn activate(self, s: S, sum: S::f32s) -> S::f32s {
        floor_at(s, s.mul_add_f32s(sum, self.scale, self.shift), self.floor)
    }
}
