//! One-dimensional minimal filtering: the algorithms that tiles are made of.
//!
//! An algorithm computes `outputs` neighbouring outputs of a filter with `taps` taps from one product per point:
//! `y = output(filter(g) * input(d))`, `d` being the inputs under the outputs. Applied along each axis in turn it makes a
//! 2-D or 3-D tile. Winograd's `F(m, r)` after Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks" (2016),
//! section 4, by Cook-Toom interpolation.

use super::simd::Simd;

/// Most points an algorithm has: arrays of one value per input, point, tap or output are this long.
pub const MOST: usize = 7;
/// A linear map; what is beyond an algorithm's extents is zero.
type Matrix = [[f32; MOST]; MOST];

/// A one-dimensional algorithm.
pub struct Algorithm {
    /// Inputs and products per tile.
    pub points: usize,
    /// Points whose filters differ.
    pub filters: usize,
    /// The point whose filter the point after it uses too, if there is one.
    twice: usize,
    /// Points of a short tile, one that half the outputs are enough for: the first ones.
    pub short: usize,
    /// Outputs per tile.
    pub outputs: usize,
    /// Taps of the filter.
    pub taps: usize,
    /// Step between outputs, in inputs.
    pub stride: usize,
    /// Zeros before the first input.
    pub pad: usize,
    /// Whether this point is `p` and the next one `-p`. Sum and difference of such a pair are computed instead of its
    /// points: their matrices have half as many numbers.
    pairs: [bool; MOST],
    /// For a whole tile and for a short one.
    input: [Matrix; 2],
    output: [Matrix; 2],
    filter: Matrix,
}

impl Algorithm {
    /// Which of the filters a point uses.
    pub fn filter_of(&self, point: usize) -> usize {
        point - usize::from(point > self.twice)
    }

    /// Points that tile `tile` of an axis with `extent` outputs needs.
    pub fn needed(&self, tile: usize, extent: usize) -> usize {
        if extent - tile * self.outputs > self.outputs / 2 {
            self.points
        } else {
            self.short
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
/// Polyphase: the even inputs meet taps 0 and 2 in an F(2, 2) at 0, infinity and 1, the odd inputs meet tap 1 alone.
pub struct Stride2;

impl Axis for Identity {
    const ALGORITHM: &'static Algorithm = &cook_toom(&[f64::INFINITY], [1, 1], 0);
}

impl Axis for F2x3 {
    const ALGORITHM: &'static Algorithm = &cook_toom(&[0.0, 1.0, -1.0, f64::INFINITY], [2, 3], 1);
}

impl Axis for F4x3 {
    const ALGORITHM: &'static Algorithm =
        &cook_toom(&[0.0, 0.625, -0.625, f64::INFINITY, 1.5, -1.5], [4, 3], 1);
}

impl Axis for F4x4 {
    const ALGORITHM: &'static Algorithm =
        &cook_toom(&[0.0, 1.0, -1.0, 2.0, -2.0, 0.5, f64::INFINITY], [4, 4], 0);
}

impl Axis for Stride2 {
    const ALGORITHM: &'static Algorithm = &Algorithm {
        points: 5,
        filters: 4,
        twice: 2,
        short: 3,
        outputs: 2,
        taps: 3,
        stride: 2,
        pad: 1,
        pairs: [false; MOST],
        input: [
            matrix([
                [1.0, 0.0, -1.0, 0.0, 0.0],
                [0.0, 0.0, -1.0, 0.0, 1.0],
                [0.0, 1.0, 0.0, 0.0, 0.0],
                [0.0, 0.0, 0.0, 1.0, 0.0],
                [0.0, 0.0, 1.0, 0.0, 0.0],
            ]),
            matrix([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
        ],
        output: [
            matrix([[1.0, 0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0, 1.0]]),
            matrix([[1.0, 1.0, 1.0]]),
        ],
        filter: matrix([
            [1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0],
            [0.0, 1.0, 0.0],
            [1.0, 0.0, 1.0],
        ]),
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

/// F(outputs, taps) with stride 1 at these points. A short tile computes F(outputs / 2, taps) with the same filters.
const fn cook_toom(points: &[f64], [outputs, taps]: [usize; 2], pad: usize) -> Algorithm {
    let (all, short) = (points.len(), points.len() - outputs / 2);
    let mut pairs = [false; MOST];
    let mut i = 1;
    while i + 1 < all {
        pairs[i] = points[i] == -points[i + 1];
        i += 1;
    }
    let output = [
        powers(points, all, outputs, false),
        powers(points, short, outputs / 2, false),
    ];
    Algorithm {
        points: all,
        filters: all,
        twice: MOST,
        short,
        outputs,
        taps,
        stride: 1,
        pad,
        pairs,
        input: [
            paired(polynomials(points, all), pairs, false),
            paired(polynomials(points, short), pairs, false),
        ],
        output: [
            paired(output[0], pairs, true),
            paired(output[1], pairs, true),
        ],
        filter: paired(powers(points, all, taps, true), pairs, false),
    }
}

/// For each of the first `used` points, the polynomial that is zero at the others of them. Filters are divided by a point's
/// differences from all others, so those from the points that are left out are multiplied in here.
const fn polynomials(points: &[f64], used: usize) -> [[f64; MOST]; MOST] {
    let mut rows = [[0.0; MOST]; MOST];
    let mut n = 0;
    while n < used * points.len() {
        let (i, j) = (n / points.len(), n % points.len());
        let row = &mut rows[i];
        if j == 0 {
            row[0] = 1.0;
        }
        let mut k = if i != j && points[j].is_finite() {
            MOST
        } else {
            0
        };
        while k > 0 {
            k -= 1;
            if j < used {
                let shifted = if k > 0 { row[k - 1] } else { 0.0 };
                row[k] = shifted - points[j] * row[k];
            } else if points[i].is_finite() {
                row[k] *= points[i] - points[j];
            }
        }
        n += 1;
    }
    rows
}

/// For each of the first `used` points, its powers; infinity has the highest only. Divided by the product of the point's
/// differences from all others when `divided`.
const fn powers(points: &[f64], used: usize, count: usize, divided: bool) -> [[f64; MOST]; MOST] {
    let mut rows = [[0.0; MOST]; MOST];
    let mut i = 0;
    while i < used {
        let (finite, mut value, mut j) = (points[i].is_finite(), 1.0, 0);
        while j < points.len() {
            if divided && finite && j != i && points[j].is_finite() {
                value /= points[i] - points[j];
            }
            j += 1;
        }
        let mut k = 0;
        while k < count {
            if finite {
                rows[i][k] = value;
                value *= points[i];
            } else if k + 1 == count {
                rows[i][k] = 1.0;
            }
            k += 1;
        }
        i += 1;
    }
    rows
}

/// A matrix with half the sum and half the difference of each pair of rows in their place, perhaps transposed.
const fn paired(rows: [[f64; MOST]; MOST], pairs: [bool; MOST], transposed: bool) -> Matrix {
    let mut matrix = [[0.0; MOST]; MOST];
    let mut n = 0;
    while n < MOST * MOST {
        let (i, k) = (n / MOST, n % MOST);
        let value = if pairs[i] {
            (rows[i][k] + rows[i + 1][k]) / 2.0
        } else if i > 0 && pairs[i - 1] {
            (rows[i - 1][k] - rows[i][k]) / 2.0
        } else {
            rows[i][k]
        };
        let (y, x) = if transposed { (k, i) } else { (i, k) };
        matrix[y][x] = value as f32;
        n += 1;
    }
    matrix
}

/// Inputs to points, along one axis of a tile with `points` points.
#[inline(always)]
pub fn input<A: Axis, S: Simd>(s: S, points: usize, d: [S::f32s; MOST]) -> [S::f32s; MOST] {
    butterfly::<A, S>(
        s,
        multiply_either::<A, S>(s, points, &A::ALGORITHM.input, d),
    )
}

/// Products to outputs, along one axis of a tile with `points` points.
#[inline(always)]
pub fn output<A: Axis, S: Simd>(s: S, points: usize, m: [S::f32s; MOST]) -> [S::f32s; MOST] {
    multiply_either::<A, S>(s, points, &A::ALGORITHM.output, butterfly::<A, S>(s, m))
}

/// Multiplies by the matrix of a whole tile or of a short one. The calls are two, for each matrix to be known where it is
/// used.
#[inline(always)]
fn multiply_either<A: Axis, S: Simd>(
    s: S,
    points: usize,
    [whole, short]: &[Matrix; 2],
    x: [S::f32s; MOST],
) -> [S::f32s; MOST] {
    if A::ALGORITHM.short < points || A::ALGORITHM.short == A::ALGORITHM.points {
        multiply(s, whole, x)
    } else {
        multiply(s, short, x)
    }
}

/// Taps to the filters of the distinct points, along one axis.
#[inline(always)]
pub fn filter<A: Axis, S: Simd>(s: S, g: [S::f32s; MOST]) -> [S::f32s; MOST] {
    butterfly::<A, S>(s, multiply(s, &A::ALGORITHM.filter, g))
}

/// Sum and difference of each pair.
#[inline(always)]
fn butterfly<A: Axis, S: Simd>(s: S, mut x: [S::f32s; MOST]) -> [S::f32s; MOST] {
    for i in 1..MOST - 1 {
        if A::ALGORITHM.pairs[i] {
            let (a, b) = (x[i], x[i + 1]);
            x[i] = s.add_f32s(a, b);
            x[i + 1] = s.sub_f32s(a, b);
        }
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
