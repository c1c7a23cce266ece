//! One-dimensional minimal filtering: the algorithms that tiles are made of.
//!
//! An algorithm computes `outputs` neighbouring outputs of a filter with `taps` taps from one product per point:
//! `y = output(filter(g) * input(d))`, `d` being the inputs under the outputs. Applied along each axis in turn it makes a
//! 2-D or 3-D tile. Winograd's `F(m, r)` after Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks" (2016),
//! section 4, by Cook-Toom interpolation.

use super::simd::Simd;

/// Most points an algorithm has.
pub const MOST: usize = 9;
/// A linear map; what is beyond an algorithm's extents is zero.
type Matrix = [[f32; MOST]; MOST];

/// A one-dimensional algorithm.
pub struct Algorithm {
    /// Inputs and products per tile.
    pub points: usize,
    /// Points whose filters differ.
    pub filters: usize,
    /// The first and the last of the points that use the same filter.
    same: [usize; 2],
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
        let [first, last] = self.same;
        point - (point.min(last) - point.min(first))
    }

    /// How many points use a filter.
    pub fn users(&self, filter: usize) -> usize {
        let [first, last] = self.same;
        if filter == first { last - first + 1 } else { 1 }
    }

    /// What a filter takes of each tap.
    pub fn factors(&self, filter: usize) -> &[f32] {
        &self.filter[filter][..self.taps]
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
/// Two outputs of a 3-tap filter with stride 2: five products.
pub struct Stride2;
/// Four outputs of a 3-tap filter with stride 2: nine products.
pub struct Stride4;

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
    const ALGORITHM: &'static Algorithm = &polyphase(&[0.0, f64::INFINITY, 1.0], 2);
}

impl Axis for Stride4 {
    const ALGORITHM: &'static Algorithm = &polyphase(&[0.0, 1.0, -1.0, f64::INFINITY, 0.5], 4);
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
        powers(points, all, outputs, true),
        powers(points, short, outputs / 2, true),
    ];
    Algorithm {
        points: all,
        filters: all,
        same: [MOST, MOST],
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
        // As it is: of so few taps half a sum costs as much as a point.
        filter: paired(powers(points, all, taps, false), [false; MOST], false),
    }
}

/// This many outputs of a 3-tap filter with stride 2: the even inputs meet taps 0 and 2 in an F(outputs, 2) at these points,
/// the odd inputs meet tap 1 alone, in a product per output. The odd ones stand where a short tile has its even ones before
/// them and leaves out what is after them.
const fn polyphase(points: &[f64], outputs: usize) -> Algorithm {
    let even = cook_toom(points, [outputs, 2], 0);
    let odd = even.short;
    let mut all = Algorithm {
        points: even.points + outputs,
        filters: even.points + 1,
        same: [odd, odd + outputs - 1],
        short: odd + outputs / 2,
        outputs,
        taps: 3,
        stride: 2,
        pad: 1,
        pairs: [false; MOST],
        input: [[[0.0; MOST]; MOST]; 2],
        output: [[[0.0; MOST]; MOST]; 2],
        filter: [[0.0; MOST]; MOST],
    };
    let mut i = 0;
    while i < even.points {
        let after = i >= odd;
        let at = if after { i + outputs } else { i };
        all.pairs[at] = even.pairs[i];
        let mut k = 0;
        while k < even.points {
            let mut form = 0;
            while form < 2 {
                all.input[form][at][2 * k] = even.input[form][i][k];
                all.output[form][k][at] = even.output[form][k][i];
                form += 1;
            }
            k += 1;
        }
        let row = &mut all.filter[i + after as usize];
        row[0] = even.filter[i][0];
        row[2] = even.filter[i][1];
        i += 1;
    }
    all.filter[odd][1] = 1.0;
    let mut k = 0;
    while k < outputs {
        // A short tile's later ones are not computed.
        let mut form = 0;
        while form < 2 {
            all.input[form][odd + k][2 * k + 1] = 1.0;
            all.output[form][k][odd + k] = 1.0;
            form += 1;
        }
        k += 1;
    }
    all
}

/// For each of the first `used` points, the polynomial that is zero at the others of them.
const fn polynomials(points: &[f64], used: usize) -> [[f64; MOST]; MOST] {
    let mut rows = [[0.0; MOST]; MOST];
    let mut n = 0;
    while n < used * used {
        let (i, j) = (n / used, n % used);
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
            let shifted = if k > 0 { row[k - 1] } else { 0.0 };
            row[k] = shifted - points[j] * row[k];
        }
        n += 1;
    }
    rows
}

/// For each of the first `used` points, its powers; infinity has the highest only. Divided by the product of the point's
/// differences from the others of them when `divided`.
const fn powers(points: &[f64], used: usize, count: usize, divided: bool) -> [[f64; MOST]; MOST] {
    let mut rows = [[0.0; MOST]; MOST];
    let mut i = 0;
    while i < used {
        let (finite, mut value, mut j) = (points[i].is_finite(), 1.0, 0);
        while j < used {
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

/// Inputs to points, along one axis of a tile with `points` points. Arrays have room for the points of a whole tile, `N`; more
/// room would cost time.
#[inline(always)]
pub fn input<A: Axis, S: Simd, const N: usize>(
    s: S,
    points: usize,
    d: [S::f32s; N],
) -> [S::f32s; N] {
    butterfly::<A, S, N>(s, either::<A, S, N>(s, points, &A::ALGORITHM.input, d))
}

/// Products to outputs, along one axis of a tile with `points` points.
#[inline(always)]
pub fn output<A: Axis, S: Simd, const N: usize>(
    s: S,
    points: usize,
    m: [S::f32s; N],
) -> [S::f32s; N] {
    either::<A, S, N>(s, points, &A::ALGORITHM.output, butterfly::<A, S, N>(s, m))
}

/// Taps to the filters of the distinct points, along one axis.
#[inline(always)]
pub fn filter<A: Axis, S: Simd, const N: usize>(s: S, g: [S::f32s; N]) -> [S::f32s; N] {
    multiply(s, &A::ALGORITHM.filter, g)
}

/// Multiplies by the matrix of a whole tile or of a short one. The calls are two, for each matrix to be known where it is
/// used.
#[inline(always)]
fn either<A: Axis, S: Simd, const N: usize>(
    s: S,
    points: usize,
    [whole, short]: &[Matrix; 2],
    x: [S::f32s; N],
) -> [S::f32s; N] {
    if A::ALGORITHM.short < points || A::ALGORITHM.short == A::ALGORITHM.points {
        multiply(s, whole, x)
    } else {
        multiply(s, short, x)
    }
}

/// Sum and difference of each pair.
#[inline(always)]
fn butterfly<A: Axis, S: Simd, const N: usize>(s: S, mut x: [S::f32s; N]) -> [S::f32s; N] {
    for i in 1..N - 1 {
        if A::ALGORITHM.pairs[i] {
            let (a, b) = (x[i], x[i + 1]);
            x[i] = s.add_f32s(a, b);
            x[i + 1] = s.sub_f32s(a, b);
        }
    }
    x
}

/// Matrix times vector. The rows stand one below the other, for the compiler to see which numbers are zero or one.
#[inline(always)]
fn multiply<S: Simd, const N: usize>(s: S, matrix: &Matrix, x: [S::f32s; N]) -> [S::f32s; N] {
    let mut y = x;
    macro_rules! rows {
        ($($row:literal)*) => {
            $(if $row < N {
                y[$row] = dot(s, &matrix[$row], x);
            })*
        };
    }
    rows!(0 1 2 3 4 5 6 7 8);
    y
}

/// Sum of `row[j] * x[j]`, without the terms that are zero. The last comes first: in an input matrix its factor is one.
#[inline(always)]
fn dot<S: Simd, const N: usize>(s: S, row: &[f32; MOST], x: [S::f32s; N]) -> S::f32s {
    let mut sum = s.splat_f32s(0.0);
    let mut empty = true;
    for j in (0..N).rev() {
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
