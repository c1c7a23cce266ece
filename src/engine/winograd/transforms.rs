//! One-dimensional minimal filtering: the algorithms that tiles are made of.
//!
//! An algorithm computes `outputs` neighbouring outputs of a filter with `taps` taps from one product per point:
//! `y = output(filter(g) * input(d))`, `d` being the inputs under the outputs. Applied along each axis in turn it makes a
//! 2-D or 3-D tile. Winograd's `F(m, r)` after Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks" (2016),
//! section 4, by Cook-Toom interpolation.

use super::simd::Simd;
use std::ops::Range;

/// Most points an algorithm has: arrays of one value per input, point, tap or output are this long.
pub const MOST: usize = 7;
/// A linear map; what is beyond an algorithm's extents is zero.
type Matrix = [[f32; MOST]; MOST];

/// A one-dimensional algorithm.
pub struct Algorithm {
    /// Inputs and products per tile.
    pub points: usize,
    /// Points whose filters differ; the points after them use the last one again.
    pub filters: usize,
    /// Outputs per tile.
    pub outputs: usize,
    /// Taps of the filter.
    pub taps: usize,
    /// Step between outputs, in inputs.
    pub stride: usize,
    /// Zeros before the first input.
    pub pad: usize,
    /// How often two points `p` and `-p` follow each other, from point 1 on. Sum and difference of such a pair are
    /// computed instead of its points: their matrices have half as many numbers.
    pairs: usize,
    input: Matrix,
    filter: Matrix,
    output: Matrix,
}

impl Algorithm {
    /// The points that use filter `f`.
    pub fn sharing(&self, f: usize) -> Range<usize> {
        f..if f + 1 == self.filters {
            self.points
        } else {
            f + 1
        }
    }
}

/// An [`Algorithm`] as a type, for code that is compiled for it.
pub trait Axis {
    /// The algorithm.
    const ALGORITHM: &'static Algorithm;
}

/// Nothing: one input, one output. The time axis of a 2-D convolution.
pub struct Identity;
/// F(2, 3).
pub struct F2x3;
/// F(4, 3). The usual ±1, ±2 cost as much and lose two to three times the accuracy.
pub struct F4x3;
/// F(4, 4), on an image that is padded already.
pub struct F4x4;
/// Two outputs of a 3-tap filter with stride 2, exact additions only.
///
/// Polyphase: the even inputs meet taps 0 and 2 in an F(2, 2) at 0, 1 and infinity, the odd inputs meet tap 1 alone.
pub struct Stride2;

impl Axis for Identity {
    const ALGORITHM: &'static Algorithm = &cook_toom(&[], 0, [1, 1], 0);
}

impl Axis for F2x3 {
    const ALGORITHM: &'static Algorithm = &cook_toom(&[0.0, 1.0, -1.0], 1, [2, 3], 1);
}

impl Axis for F4x3 {
    const ALGORITHM: &'static Algorithm =
        &cook_toom(&[0.0, 0.625, -0.625, 1.5, -1.5], 2, [4, 3], 1);
}

impl Axis for F4x4 {
    const ALGORITHM: &'static Algorithm =
        &cook_toom(&[0.0, 1.0, -1.0, 2.0, -2.0, 0.5], 2, [4, 4], 0);
}

impl Axis for Stride2 {
    const ALGORITHM: &'static Algorithm = &Algorithm {
        points: 5,
        filters: 4,
        outputs: 2,
        taps: 3,
        stride: 2,
        pad: 1,
        pairs: 0,
        input: matrix([
            [1.0, 0.0, -1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, -1.0, 0.0, 1.0],
            [0.0, 1.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 1.0, 0.0],
        ]),
        filter: matrix([
            [1.0, 0.0, 0.0],
            [1.0, 0.0, 1.0],
            [0.0, 0.0, 1.0],
            [0.0, 1.0, 0.0],
        ]),
        output: matrix([[1.0, 1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0, 1.0]]),
    };
}

/// Fills a matrix up with zeros.
const fn matrix<const ROWS: usize, const COLUMNS: usize>(rows: [[f32; COLUMNS]; ROWS]) -> Matrix {
    let mut matrix = [[0.0; MOST]; MOST];
    let mut i = 0;
    while i < ROWS * COLUMNS {
        matrix[i / COLUMNS][i % COLUMNS] = rows[i / COLUMNS][i % COLUMNS];
        i += 1;
    }
    matrix
}

/// F(outputs, taps) with stride 1 at the given points and infinity, the first `pairs` after point 0 being pairs.
const fn cook_toom(
    points: &[f64],
    pairs: usize,
    [outputs, taps]: [usize; 2],
    pad: usize,
) -> Algorithm {
    let last = points.len();
    // A row for each point, what multiplies it along the row.
    let [mut input, mut filter, mut output] = [[[0.0; MOST]; MOST]; 3];
    let mut i = 0;
    while i <= last {
        // The polynomial with a root at every other point, and its value at this one.
        input[i][0] = 1.0;
        let (mut norm, mut j) = (1.0, 0);
        while j < last {
            if j != i {
                let mut k = last;
                while k > 0 {
                    input[i][k] = input[i][k - 1] - points[j] * input[i][k];
                    k -= 1;
                }
                input[i][0] *= -points[j];
                norm *= if i < last { points[i] - points[j] } else { 1.0 };
            }
            j += 1;
        }
        // The powers of the point; infinity has the highest only.
        let (mut power, mut k) = (1.0, 0);
        while k < taps || k < outputs {
            let at_infinity = [
                (k + 1 == taps) as u8 as f64,
                (k + 1 == outputs) as u8 as f64,
            ];
            let values = if i < last {
                [power / norm, power]
            } else {
                at_infinity
            };
            filter[i][k] = if k < taps { values[0] } else { 0.0 };
            output[i][k] = if k < outputs { values[1] } else { 0.0 };
            power *= if i < last { points[i] } else { 1.0 };
            k += 1;
        }
        i += 1;
    }
    Algorithm {
        points: last + 1,
        filters: last + 1,
        outputs,
        taps,
        stride: 1,
        pad,
        pairs,
        input: paired(input, pairs, false),
        filter: paired(filter, pairs, false),
        output: paired(output, pairs, true),
    }
}

/// A matrix with half the sum and half the difference of each pair of rows in their place, perhaps transposed.
const fn paired(rows: [[f64; MOST]; MOST], pairs: usize, transposed: bool) -> Matrix {
    let mut matrix = [[0.0; MOST]; MOST];
    let mut n = 0;
    while n < MOST * MOST {
        let (i, k) = (n / MOST, n % MOST);
        let value = match (i == 0 || i > 2 * pairs, i % 2) {
            (true, _) => rows[i][k],
            (_, 1) => (rows[i][k] + rows[i + 1][k]) / 2.0,
            _ => (rows[i - 1][k] - rows[i][k]) / 2.0,
        };
        let (y, x) = if transposed { (k, i) } else { (i, k) };
        matrix[y][x] = value as f32;
        n += 1;
    }
    matrix
}

/// Inputs to points, along one axis.
#[inline(always)]
pub fn input<A: Axis, S: Simd>(s: S, d: [S::f32s; MOST]) -> [S::f32s; MOST] {
    butterfly::<A, S>(s, multiply(s, &A::ALGORITHM.input, d))
}

/// Products to outputs, along one axis.
#[inline(always)]
pub fn output<A: Axis, S: Simd>(s: S, m: [S::f32s; MOST]) -> [S::f32s; MOST] {
    multiply(s, &A::ALGORITHM.output, butterfly::<A, S>(s, m))
}

/// Taps to the filters of the distinct points, along one axis.
#[inline(always)]
pub fn filter<A: Axis, S: Simd>(s: S, g: [S::f32s; MOST]) -> [S::f32s; MOST] {
    butterfly::<A, S>(s, multiply(s, &A::ALGORITHM.filter, g))
}

/// Sum and difference of each pair.
#[inline(always)]
fn butterfly<A: Axis, S: Simd>(s: S, mut x: [S::f32s; MOST]) -> [S::f32s; MOST] {
    for pair in 0..A::ALGORITHM.pairs {
        let (a, b) = (x[2 * pair + 1], x[2 * pair + 2]);
        x[2 * pair + 1] = s.add_f32s(a, b);
        x[2 * pair + 2] = s.sub_f32s(a, b);
    }
    x
}

/// Matrix times vector. The rows stand side by side, for the compiler to see which numbers are zero or one.
#[inline(always)]
fn multiply<S: Simd>(s: S, matrix: &Matrix, x: [S::f32s; MOST]) -> [S::f32s; MOST] {
    let [a, b, c, d, e, f, g] = matrix;
    [
        dot(s, a, x),
        dot(s, b, x),
        dot(s, c, x),
        dot(s, d, x),
        dot(s, e, x),
        dot(s, f, x),
        dot(s, g, x),
    ]
}

/// Sum of `row[j] * x[j]`, without the terms that are zero. The last comes first: in an input matrix its factor is one.
#[inline(always)]
fn dot<S: Simd>(s: S, row: &[f32; MOST], x: [S::f32s; MOST]) -> S::f32s {
    let mut sum = s.splat_f32s(0.0);
    let mut empty = true;
    for j in (0..MOST).rev() {
        if row[j] != 0.0 {
            sum = match (empty, row[j] == 1.0) {
                (true, true) => x[j],
                (true, false) => s.mul_f32s(s.splat_f32s(row[j]), x[j]),
                (false, true) => s.add_f32s(sum, x[j]),
                (false, false) => s.mul_add_f32s(s.splat_f32s(row[j]), x[j], sum),
            };
            empty = false;
        }
    }
    sum
}
