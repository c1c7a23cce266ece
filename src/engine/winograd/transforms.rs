//! One-dimensional minimal filtering: the algorithms that tiles are made of.
//!
//! An algorithm computes `OUTPUTS` neighbouring outputs of a filter with `TAPS` taps from one product per point:
//! `y = output(filter(g) * input(d))`, `d` being the inputs under the outputs. Applied along each axis in turn it makes a
//! 2-D or 3-D tile. Winograd's `F(m, r)` after Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks" (2016),
//! section 4; the matrices follow from Cook-Toom interpolation at the points named below.

use super::simd::Simd;
use std::ops::{Index, IndexMut};

/// A fixed-size array.
pub trait Array<V>: Copy + Index<usize, Output = V> + IndexMut<usize> {
    /// The array that holds `value` everywhere.
    fn fill(value: V) -> Self;
}

impl<V: Copy, const N: usize> Array<V> for [V; N] {
    #[inline(always)]
    fn fill(value: V) -> Self {
        [value; N]
    }
}

/// A one-dimensional algorithm; `V` is a vector of channels.
pub trait Algorithm: Copy + Send + Sync + 'static {
    /// Inputs and products per tile.
    const POINTS: usize;
    /// Outputs per tile.
    const OUTPUTS: usize;
    /// Taps of the filter.
    const TAPS: usize;
    /// Step between outputs, in inputs.
    const STRIDE: usize = 1;
    /// Zeros before the first input.
    const PAD: usize = 1;
    /// Points whose filters differ; the points after them use the last one again.
    const FILTERS: usize = Self::POINTS;

    /// One value per point.
    type Points<V: Copy>: Array<V>;
    /// One value per output.
    type Outputs<V: Copy>: Array<V>;
    /// One value per tap.
    type Taps<V: Copy>: Array<V>;

    /// Inputs to points.
    fn input<S: Simd>(s: S, d: Self::Points<S::f32s>) -> Self::Points<S::f32s>;
    /// Products to outputs.
    fn output<S: Simd>(s: S, m: Self::Points<S::f32s>) -> Self::Outputs<S::f32s>;
    /// Taps to the filters of the first `FILTERS` points; what follows is not used.
    fn filter<S: Simd>(s: S, g: Self::Taps<S::f32s>) -> Self::Points<S::f32s>;
}

/// Nothing: one input, one output. The time axis of a 2-D convolution.
#[derive(Clone, Copy)]
pub struct Identity;

impl Algorithm for Identity {
    const POINTS: usize = 1;
    const OUTPUTS: usize = 1;
    const TAPS: usize = 1;
    const PAD: usize = 0;
    type Points<V: Copy> = [V; 1];
    type Outputs<V: Copy> = [V; 1];
    type Taps<V: Copy> = [V; 1];

    #[inline(always)]
    fn input<S: Simd>(_: S, d: [S::f32s; 1]) -> [S::f32s; 1] {
        d
    }
    #[inline(always)]
    fn output<S: Simd>(_: S, m: [S::f32s; 1]) -> [S::f32s; 1] {
        m
    }
    #[inline(always)]
    fn filter<S: Simd>(_: S, g: [S::f32s; 1]) -> [S::f32s; 1] {
        [g[0]]
    }
}

/// F(2, 3) at 0, 1, -1 and infinity.
#[derive(Clone, Copy)]
pub struct F2x3;

impl Algorithm for F2x3 {
    const POINTS: usize = 4;
    const OUTPUTS: usize = 2;
    const TAPS: usize = 3;
    type Points<V: Copy> = [V; 4];
    type Outputs<V: Copy> = [V; 2];
    type Taps<V: Copy> = [V; 3];

    #[inline(always)]
    fn input<S: Simd>(s: S, d: [S::f32s; 4]) -> [S::f32s; 4] {
        let [add, sub] = [S::add_f32s, S::sub_f32s];
        [
            sub(s, d[0], d[2]),
            add(s, d[1], d[2]),
            sub(s, d[2], d[1]),
            sub(s, d[1], d[3]),
        ]
    }
    #[inline(always)]
    fn output<S: Simd>(s: S, m: [S::f32s; 4]) -> [S::f32s; 2] {
        let [add, sub] = [S::add_f32s, S::sub_f32s];
        [
            add(s, add(s, m[0], m[1]), m[2]),
            sub(s, sub(s, m[1], m[2]), m[3]),
        ]
    }
    #[inline(always)]
    fn filter<S: Simd>(s: S, g: [S::f32s; 3]) -> [S::f32s; 4] {
        let half = s.splat_f32s(0.5);
        let (even, odd) = (
            s.mul_f32s(half, s.add_f32s(g[0], g[2])),
            s.mul_f32s(half, g[1]),
        );
        [g[0], s.add_f32s(even, odd), s.sub_f32s(even, odd), g[2]]
    }
}

/// F(4, 3) at 0, `±A`, `±B` and infinity. The usual ±1, ±2 cost as much and lose two to three times the accuracy.
#[derive(Clone, Copy)]
pub struct F4x3;

const A: f32 = 0.625;
const B: f32 = 1.5;
const A2: f32 = A * A;
const B2: f32 = B * B;

impl Algorithm for F4x3 {
    const POINTS: usize = 6;
    const OUTPUTS: usize = 4;
    const TAPS: usize = 3;
    type Points<V: Copy> = [V; 6];
    type Outputs<V: Copy> = [V; 4];
    type Taps<V: Copy> = [V; 3];

    #[inline(always)]
    fn input<S: Simd>(s: S, d: [S::f32s; 6]) -> [S::f32s; 6] {
        // (x^2 - k^2) divides the polynomials of the points other than ±k and 0.
        let (even_a, odd_a) = (fma(s, -B2, d[2], d[4]), fma(s, -B2, d[1], d[3]));
        let (even_b, odd_b) = (fma(s, -A2, d[2], d[4]), fma(s, -A2, d[1], d[3]));
        [
            fma(s, A2 * B2, d[0], fma(s, -A2 - B2, d[2], d[4])),
            fma(s, A, odd_a, even_a),
            fma(s, -A, odd_a, even_a),
            fma(s, B, odd_b, even_b),
            fma(s, -B, odd_b, even_b),
            fma(s, A2 * B2, d[1], fma(s, -A2 - B2, d[3], d[5])),
        ]
    }
    #[inline(always)]
    fn output<S: Simd>(s: S, m: [S::f32s; 6]) -> [S::f32s; 4] {
        let (even_a, odd_a) = (s.add_f32s(m[1], m[2]), mul(s, A, s.sub_f32s(m[1], m[2])));
        let (even_b, odd_b) = (s.add_f32s(m[3], m[4]), mul(s, B, s.sub_f32s(m[3], m[4])));
        [
            s.add_f32s(s.add_f32s(m[0], even_a), even_b),
            s.add_f32s(odd_a, odd_b),
            fma(s, A2, even_a, mul(s, B2, even_b)),
            fma(s, A2, odd_a, fma(s, B2, odd_b, m[5])),
        ]
    }
    #[inline(always)]
    fn filter<S: Simd>(s: S, g: [S::f32s; 3]) -> [S::f32s; 6] {
        let (a, minus_a) = Self::pair(s, A, B2, g);
        let (b, minus_b) = Self::pair(s, B, A2, g);
        [mul(s, 1.0 / (A2 * B2), g[0]), a, minus_a, b, minus_b, g[2]]
    }
}

impl F4x3 {
    /// The filter at the points `±p`, over the product of the distances to the others, 0 and the roots of `q2`.
    #[inline(always)]
    fn pair<S: Simd>(s: S, p: f32, q2: f32, g: [S::f32s; 3]) -> (S::f32s, S::f32s) {
        let n = 1.0 / (2.0 * p * p * (p * p - q2));
        let (even, odd) = (
            fma(s, n * p * p, g[2], mul(s, n, g[0])),
            mul(s, n * p, g[1]),
        );
        (s.add_f32s(even, odd), s.sub_f32s(even, odd))
    }
}

/// F(4, 4) at 0, ±1, ±2, 1/2 and infinity, on an image that is padded already.
#[derive(Clone, Copy)]
pub struct F4x4;

/// `F4x4`'s input matrix; row `i` makes point `i`.
const F4X4_INPUT: [[f32; 7]; 7] = [
    [-2.0, 4.0, 2.5, -5.0, -0.5, 1.0, 0.0],
    [0.0, 2.0, -2.0, -4.5, 0.5, 1.0, 0.0],
    [0.0, -2.0, 6.0, -3.5, -1.5, 1.0, 0.0],
    [0.0, 1.0, -1.5, -2.0, 1.5, 1.0, 0.0],
    [0.0, -1.0, 2.5, 0.0, -2.5, 1.0, 0.0],
    [0.0, 4.0, 0.0, -5.0, 0.0, 1.0, 0.0],
    [0.0, -2.0, 4.0, 2.5, -5.0, -0.5, 1.0],
];

/// `F4x4`'s filter matrix.
const F4X4_FILTER: [[f32; 4]; 7] = [
    [-1.0 / 2.0, 0.0, 0.0, 0.0],
    [-1.0 / 3.0, -1.0 / 3.0, -1.0 / 3.0, -1.0 / 3.0],
    [1.0 / 9.0, -1.0 / 9.0, 1.0 / 9.0, -1.0 / 9.0],
    [1.0 / 36.0, 1.0 / 18.0, 1.0 / 9.0, 2.0 / 9.0],
    [-1.0 / 60.0, 1.0 / 30.0, -1.0 / 15.0, 2.0 / 15.0],
    [32.0 / 45.0, 16.0 / 45.0, 8.0 / 45.0, 4.0 / 45.0],
    [0.0, 0.0, 0.0, 1.0],
];

impl Algorithm for F4x4 {
    const POINTS: usize = 7;
    const OUTPUTS: usize = 4;
    const TAPS: usize = 4;
    const PAD: usize = 0;
    type Points<V: Copy> = [V; 7];
    type Outputs<V: Copy> = [V; 4];
    type Taps<V: Copy> = [V; 4];

    #[inline(always)]
    fn input<S: Simd>(s: S, d: [S::f32s; 7]) -> [S::f32s; 7] {
        let mut points = d;
        for i in 0..7 {
            points[i] = dot(s, F4X4_INPUT[i], d);
        }
        points
    }
    #[inline(always)]
    fn output<S: Simd>(s: S, m: [S::f32s; 7]) -> [S::f32s; 4] {
        let [add, sub] = [S::add_f32s, S::sub_f32s];
        let (even_1, odd_1) = (add(s, m[1], m[2]), sub(s, m[1], m[2]));
        let (even_2, odd_2) = (add(s, m[3], m[4]), sub(s, m[3], m[4]));
        [
            add(s, add(s, m[0], even_1), add(s, even_2, m[5])),
            fma(s, 0.5, m[5], fma(s, 2.0, odd_2, odd_1)),
            fma(s, 0.25, m[5], fma(s, 4.0, even_2, even_1)),
            fma(s, 0.125, m[5], fma(s, 8.0, odd_2, add(s, odd_1, m[6]))),
        ]
    }
    #[inline(always)]
    fn filter<S: Simd>(s: S, g: [S::f32s; 4]) -> [S::f32s; 7] {
        let mut points = [g[0]; 7];
        for i in 0..7 {
            points[i] = dot(s, F4X4_FILTER[i], g);
        }
        points
    }
}

/// Two outputs of a 3-tap filter with stride 2, exact additions only.
///
/// Polyphase: the even inputs meet taps 0 and 2 in an F(2, 2) at 0, 1 and infinity, the odd inputs meet tap 1 alone.
#[derive(Clone, Copy)]
pub struct Stride2;

impl Algorithm for Stride2 {
    const POINTS: usize = 5;
    const OUTPUTS: usize = 2;
    const TAPS: usize = 3;
    const STRIDE: usize = 2;
    const FILTERS: usize = 4;
    type Points<V: Copy> = [V; 5];
    type Outputs<V: Copy> = [V; 2];
    type Taps<V: Copy> = [V; 3];

    #[inline(always)]
    fn input<S: Simd>(s: S, d: [S::f32s; 5]) -> [S::f32s; 5] {
        [
            s.sub_f32s(d[0], d[2]),
            d[2],
            s.sub_f32s(d[4], d[2]),
            d[1],
            d[3],
        ]
    }
    #[inline(always)]
    fn output<S: Simd>(s: S, m: [S::f32s; 5]) -> [S::f32s; 2] {
        let add = S::add_f32s;
        [
            add(s, add(s, m[0], m[1]), m[3]),
            add(s, add(s, m[1], m[2]), m[4]),
        ]
    }
    #[inline(always)]
    fn filter<S: Simd>(s: S, g: [S::f32s; 3]) -> [S::f32s; 5] {
        [g[0], s.add_f32s(g[0], g[2]), g[2], g[1], g[1]]
    }
}

// Functions instead of closures: whatever touches a vector must be inlined for it to become one instruction, and only a
// function can be told to be.

/// `k * x`.
#[inline(always)]
fn mul<S: Simd>(s: S, k: f32, x: S::f32s) -> S::f32s {
    s.mul_f32s(s.splat_f32s(k), x)
}

/// `k * x + y`.
#[inline(always)]
fn fma<S: Simd>(s: S, k: f32, x: S::f32s, y: S::f32s) -> S::f32s {
    s.mul_add_f32s(s.splat_f32s(k), x, y)
}

/// Sum of `row[j] * x[j]`, without the terms that are zero.
#[inline(always)]
fn dot<S: Simd, const N: usize>(s: S, row: [f32; N], x: [S::f32s; N]) -> S::f32s {
    let mut sum = s.splat_f32s(0.0);
    for j in 0..N {
        if row[j] == 1.0 {
            sum = s.add_f32s(sum, x[j]);
        } else if row[j] != 0.0 {
            sum = fma(s, row[j], x[j], sum);
        }
    }
    sum
}
