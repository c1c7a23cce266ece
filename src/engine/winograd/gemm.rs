//! Matrix product: rows read in place times a packed matrix, one register-blocked kernel.
//!
//! The left matrix is not packed: its rows are read where they lie, one broadcast float at a time. The right one lies in
//! panels of two vectors, `[panel][depth][2 vectors]`, read once, front to back. Each element of the product is one chain
//! of fused multiply-adds in the order of the depth, so its bits depend neither on the block it falls into nor on the
//! vector width.

#![allow(unsafe_code, reason = "a kernel")]

use super::buffer::Span;
use super::simd::{Isa, Simd, WithSimd, floor_at, load, prefetch};
use super::threads::Crew;
use std::ops::Range;

/// Per channel: `raw = sum + bias + residual`, then `max(raw * scale + shift, floor)`.
#[derive(Clone, Default)]
pub struct Epilogue {
    /// Added first: the convolution's.
    pub bias: Vec<f32>,
    /// Batch norm's factor.
    pub scale: Vec<f32>,
    /// Batch norm's offset.
    pub shift: Vec<f32>,
    /// 0 for ReLU, minus infinity for none.
    pub floor: Vec<f32>,
}

/// Products of several left matrices with one right matrix.
pub struct Gemm<'a> {
    /// The right matrix, packed.
    pub b: &'a [f32],
    /// Its rows, the columns of a left matrix.
    pub depth: usize,
    /// Floats between rows, of left matrices and of products.
    pub strides: [usize; 2],
    /// What is done with the sums before they are stored.
    pub epilogue: Option<&'a Epilogue>,
    /// What is multiplied with it.
    pub products: Vec<Product<'a>>,
}

/// A left matrix and its product.
pub struct Product<'a> {
    a: &'a [f32],
    c: Span<'a>,
    rows: usize,
}

impl<'a> Product<'a> {
    /// `rows` rows of `a`, whose product goes to `c`.
    pub fn new(a: &'a [f32], c: &'a mut [f32], rows: usize) -> Self {
        let c = Span::new(c);
        Self { a, c, rows }
    }
}

/// Rows that one call of the kernel keeps in registers, two vectors each.
const BLOCK_ROWS: usize = 6;

/// Computes products with right matrices of `columns` columns, whole panels.
///
/// # Panics
/// When a matrix lies beyond its slice.
pub fn multiply(isa: Isa, crew: Crew, columns: usize, gemms: &mut [Gemm]) {
    let panels = columns / isa.panel();
    assert_eq!(columns, panels * isa.panel());
    for gemm in &*gemms {
        for Product { a, c, rows } in &gemm.products {
            let sides = [(gemm.depth, a.len()), (columns, c.len())];
            for ((columns, len), stride) in sides.into_iter().zip(gemm.strides) {
                assert!(columns <= stride && rows * stride <= len + (stride - columns));
            }
        }
    }
    let gemms = &*gemms;
    crew.grid([gemms.len(), panels], |range, panels| {
        for gemm in &gemms[range] {
            let panels = panels.clone();
            isa.run(Panels { gemm, panels });
        }
    });
}

/// The products with some panels. They have room for all columns, and those of these panels belong to this task.
struct Panels<'a> {
    gemm: &'a Gemm<'a>,
    panels: Range<usize>,
}

impl WithSimd for Panels<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let panel = 2 * S::F32_LANES * self.gemm.depth;
        let blocks = |rows: usize| rows.div_ceil(BLOCK_ROWS);
        // Each block brings its share of the next panel near.
        let products = &self.gemm.products;
        let all: usize = products.iter().map(|product| blocks(product.rows)).sum();
        let step = (2 * S::F32_LANES * size_of::<f32>()).div_ceil(all.max(1));
        for p in self.panels.clone() {
            let b = &self.gemm.b[p * panel..][..panel];
            let mut next = b.as_ptr_range().end;
            for &Product { a, c, rows } in products {
                let mut row = 0;
                // Blocks of equal size: a small remainder could not hide the latency of its additions.
                for blocks in (1..=blocks(rows)).rev() {
                    let rows = (rows - row).div_ceil(blocks);
                    match rows {
                        1 => self.block::<S, 1>(s, (a, c), row, p, b, (next, step)),
                        2 => self.block::<S, 2>(s, (a, c), row, p, b, (next, step)),
                        3 => self.block::<S, 3>(s, (a, c), row, p, b, (next, step)),
                        4 => self.block::<S, 4>(s, (a, c), row, p, b, (next, step)),
                        5 => self.block::<S, 5>(s, (a, c), row, p, b, (next, step)),
                        _ => self.block::<S, 6>(s, (a, c), row, p, b, (next, step)),
                    }
                    next = next.wrapping_byte_add(self.gemm.depth * step);
                    row += rows;
                }
            }
        }
    }
}

impl Panels<'_> {
    /// `R` rows of a product, from `first` on, in the columns of panel `p`, which is `b`. Meanwhile the rows after these are
    /// brought near, and as much of the panel after this one as `next` says: from where, and bytes per step.
    #[inline(always)]
    fn block<S: Simd, const R: usize>(
        &self,
        s: S,
        (a, c): (&[f32], Span),
        first: usize,
        p: usize,
        b: &[f32],
        next: (*const f32, usize),
    ) {
        let lanes = S::F32_LANES;
        let Gemm {
            depth,
            strides: [a_stride, c_stride],
            ..
        } = *self.gemm;
        let rows: [&[f32]; R] = std::array::from_fn(|r| {
            let at = first * a_stride + r * a_stride;
            // SAFETY: the left matrix has this row.
            unsafe { a.get_unchecked(at..at + depth) }
        });
        let mut sums = [[s.splat_f32s(0.0); 2]; R];
        let pairs = b.chunks_exact(4 * lanes);
        let last = pairs.remainder();
        for (i, b) in pairs.enumerate() {
            prefetch(next.0.wrapping_byte_add(2 * i * next.1));
            prefetch(rows[0].as_ptr().wrapping_add(R * (a_stride + 2 * i)));
            let (even, odd) = b.split_at(2 * lanes);
            multiply_add(s, rows, 2 * i, even, &mut sums);
            multiply_add(s, rows, 2 * i + 1, odd, &mut sums);
        }
        if !last.is_empty() {
            multiply_add(s, rows, depth - 1, last, &mut sums);
        }
        for half in 0..2 {
            let column = (2 * p + half) * lanes;
            if let Some(epilogue) = self.gemm.epilogue {
                let finisher = epilogue.at::<S>(column);
                for sum in &mut sums {
                    sum[half] = finisher.activate(s, s.add_f32s(sum[half], finisher.bias));
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                let at = first * c_stride + r * c_stride + column;
                // SAFETY: a row and a column of the product that this task alone writes.
                unsafe { c.store::<S>(at, sum[half]) }
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
            shift: fill(0.0),
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
            bias: load::<S>(&self.bias, channel),
            scale: load::<S>(&self.scale, channel),
            shift: load::<S>(&self.shift, channel),
            floor: load::<S>(&self.floor, channel),
        }
    }
}

/// An [`Epilogue`] of some channels, in registers.
#[derive(Clone, Copy)]
pub struct Finisher<S: Simd> {
    /// See [`Epilogue::bias`].
    pub bias: S::f32s,
    scale: S::f32s,
    shift: S::f32s,
    floor: S::f32s,
}

impl<S: Simd> Finisher<S> {
    /// `max(raw * scale + shift, floor)`.
    #[inline(always)]
    pub fn activate(self, s: S, raw: S::f32s) -> S::f32s {
        floor_at(s, s.mul_add_f32s(raw, self.scale, self.shift), self.floor)
    }
}
