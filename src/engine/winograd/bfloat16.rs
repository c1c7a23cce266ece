//! Products on AMX of floats as sums of bfloat16 numbers.
//!
//! A float has 24 significant bits and a bfloat16 number has eight, with the same range of exponents. So a float is the sum of
//! three bfloat16 numbers, its parts, and a product of two floats is the sum of nine products of parts. The three smallest are
//! below the last bit of the sum and left out; the unit adds up the other six in float32. It is 16 times as fast as AVX-512,
//! so a product of floats takes a third of the time.

#![allow(unsafe_code, reason = "a kernel")]

use super::amx::{CHUNK, PARTS, ROWS, Registers};
use super::filters;
use super::products::{Product, Products};
use crate::engine::cpu::buffer::{LINE, Span};
use crate::engine::cpu::simd::{FAR, Isa, Simd, WithSimd, kernel, prefetch, store};
use pulp::bytemuck::cast;

impl Products for Registers {
    const ROWS: usize = ROWS;
    const PAIRS: bool = true;

    fn packed(depth: usize) -> usize {
        depth.div_ceil(CHUNK) * PARTS * LINE
    }

    #[inline(always)]
    fn pack<S: Simd>(
        s: S,
        matrix: &mut [f32],
        [rows, _]: [usize; 2],
        [row, column]: [usize; 2],
        [low, high]: [S::f32s; 2],
    ) {
        let plane = rows * LINE;
        let at = column / CHUNK * PARTS * plane + row * LINE + column % LINE;
        let words = parts(s, low, high);
        for part in 0..PARTS {
            store::<S>(matrix, at + part * plane, words[part]);
        }
    }

    fn multiply(&self, isa: Isa, product: Product) {
        let (columns, rows) = (isa.panel(), product.rows.len());
        let filters = Self::packed(product.inputs(columns)) * columns;
        let b = &mut product.filters[..filters];
        panel(isa, product.factors, product.taps, b, columns);
        let plane = product.extents[0] * LINE;
        let first = product.first / CHUNK * PARTS * plane + product.rows.start * LINE;
        // Two registers of rows at a time.
        let share = product.next.len() / rows.div_ceil(2 * ROWS).max(1);
        let mut next = product.next.chunks(share.next_multiple_of(LINE).max(LINE));
        let sums = product.sums[..rows * columns].chunks_mut(2 * ROWS * columns);
        for (block, c) in sums.enumerate() {
            for line in next.next().unwrap_or_default().chunks(LINE) {
                prefetch::<FAR>(line.as_ptr());
            }
            let a = &product.matrix[first + block * 2 * ROWS * LINE..];
            self.multiply(a, plane, b, c, columns, product.first > 0);
        }
    }
}

/// The three parts of two vectors of floats, each as a vector of words. An infinite float has parts that are NaN.
#[inline(always)]
pub fn parts<S: Simd>(s: S, mut low: S::f32s, mut high: S::f32s) -> [S::f32s; PARTS] {
    let (half, top) = (s.splat_u32s(16), s.splat_u32s(0xffff_0000));
    let mut words = [low; PARTS];
    for part in 0..PARTS {
        let (a, b): (S::u32s, S::u32s) = (cast(low), cast(high));
        let b_top = s.and_u32s(b, top);
        words[part] = cast(s.or_u32s(s.wrapping_dyn_shr_u32s(a, half), b_top));
        low = s.sub_f32s(low, cast(s.and_u32s(a, top)));
        high = s.sub_f32s(high, cast(b_top));
    }
    words
}

kernel! {
    /// Makes a panel of `columns` filters from three taps, `[tap][depth][column]`, times these factors.
    fn panel(factors: &[f32], taps: &[f32], to: &mut [f32], columns: usize) = fill_panel
}

#[inline(always)]
fn fill_panel<S: Simd>(s: S, factors: &[f32], taps: &[f32], to: &mut [f32], columns: usize) {
    let size = taps.len() / 3;
    let depth = size / columns;
    assert!(columns.is_multiple_of(LINE) && Registers::packed(depth) * columns <= to.len());
    let (taps, to) = (Span::shared(taps), Span::new(to));
    let factors = [0, 1, 2].map(|tap| s.splat_f32s(factors[tap]));
    for first in (0..depth).step_by(CHUNK) {
        let chunk = first / CHUNK * PARTS * LINE * columns;
        for column in (0..columns).step_by(S::F32_LANES) {
            for word in 0..LINE {
                let mut numbers = [s.splat_f32s(0.0); 2];
                for half in 0..2 {
                    let k = first + half * LINE + word;
                    if k < depth {
                        let at = k * columns + column;
                        // SAFETY: this column of this number of each tap.
                        let taps = unsafe {
                            [
                                taps.load::<S>(at),
                                taps.load::<S>(size + at),
                                taps.load::<S>(2 * size + at),
                            ]
                        };
                        numbers[half] = filters::sum(s, factors, taps);
                    }
                }
                let words = parts(s, numbers[0], numbers[1]);
                let at = chunk + (column / LINE * LINE + word) * LINE + column % LINE;
                for part in 0..PARTS {
                    // SAFETY: a row of a register of this chunk; the panel is as long (asserted above).
                    unsafe { to.store::<S>(at + part * LINE * columns, words[part]) }
                }
            }
        }
    }
}
