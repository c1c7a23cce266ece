//! The products of points in time and their filters: what vectors and AMX have in common, and vectors.

use super::filters::{self, PIECE};
use super::gemm::Gemm;
use crate::engine::cpu::simd::{Isa, Simd, store};
use std::ops::Range;

/// What computes products: packs the left matrix, a row of numbers per point, tile and step, and multiplies it by filters.
pub trait Products {
    /// Matrices have a multiple of this many rows.
    const ROWS: usize;
    /// Whether a number is packed together with the one a line further on in its row.
    const PAIRS: bool;

    /// Floats that `depth` numbers of a row or a column take.
    fn packed(depth: usize) -> usize;

    /// Packs numbers into a matrix of `rows` and `depth`, from this row and column on: a vector and, in pairs, the one a line
    /// further on.
    fn pack<S: Simd>(
        s: S,
        matrix: &mut [f32],
        extents: [usize; 2],
        place: [usize; 2],
        numbers: [S::f32s; 2],
    );

    /// Computes a product.
    ///
    /// # Panics
    /// When a matrix is longer than its slice.
    fn multiply(&self, isa: Isa, product: Product);
}

/// A product of some rows of a packed matrix, in the columns of one piece, and of a panel of filters.
pub struct Product<'a> {
    /// The packed matrix.
    pub matrix: &'a [f32],
    /// Its rows and its depth.
    pub extents: [usize; 2],
    /// The rows that are multiplied.
    pub rows: Range<usize>,
    /// The first column of the piece. The products of all pieces are added up.
    pub first: usize,
    /// The taps of the piece, `[tap][input][lane]`.
    pub taps: &'a [f32],
    /// What the filters take of each tap.
    pub factors: &'a [f32],
    /// Room for the filters.
    pub filters: &'a mut [f32],
    /// Receives the product, `[row][lane]`.
    pub sums: &'a mut [f32],
    /// What is read soon after, to be prefetched.
    pub next: &'a [f32],
}

impl Product<'_> {
    /// Inputs of the piece.
    pub fn inputs(&self, panel: usize) -> usize {
        self.taps.len() / (self.factors.len() * panel)
    }
}

/// Products by [`Gemm`]. A matrix is packed as `[piece][row][column of the piece]`.
pub struct Vectors;

impl Products for Vectors {
    const ROWS: usize = 1;
    const PAIRS: bool = false;

    fn packed(depth: usize) -> usize {
        depth
    }

    #[inline(always)]
    fn pack<S: Simd>(
        _: S,
        matrix: &mut [f32],
        [rows, depth]: [usize; 2],
        [row, column]: [usize; 2],
        [numbers, _]: [S::f32s; 2],
    ) {
        let piece = column / PIECE * PIECE;
        let stride = PIECE.min(depth - piece);
        let at = piece * rows + row * stride + column - piece;
        store::<S>(matrix, at, numbers);
    }

    fn multiply(&self, isa: Isa, product: Product) {
        let panel = isa.panel();
        let inputs = product.inputs(panel);
        let Product { first, rows, .. } = product;
        let [all_rows, depth] = product.extents;
        let stride = PIECE.min(depth - first);
        let filters = &mut product.filters[..inputs * panel];
        isa.run(Gemm {
            a: &product.matrix[first * all_rows + rows.start * stride..],
            b: filters::of_taps(isa, product.factors, product.taps, filters),
            c: product.sums,
            rows: rows.len(),
            depth: inputs,
            columns: panel,
            strides: [stride, panel],
            add: first > 0,
            epilogue: None,
            next: product.next,
        });
    }
}
