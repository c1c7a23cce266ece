//! The transforms of an [`Axis`] on vectors: one vector per input, point or output. Arrays have room for the points of a whole
//! tile, `N`, and no more: that would cost time.

use super::algorithm::{Axis, MOST, Matrix};
use crate::engine::cpu::simd::Simd;

type V<S> = <S as Simd>::f32s;

/// Inputs to points, along one axis of a tile with `points` points.
#[inline(always)]
pub(super) fn input<A: Axis, S: Simd, const N: usize>(
    s: S,
    points: usize,
    d: [V<S>; N],
) -> [V<S>; N] {
    butterfly::<A, S, N>(s, either::<A, S, N>(s, points, &A::ALGORITHM.input, d))
}

/// Products to outputs, along one axis of a tile with `points` points.
#[inline(always)]
pub(super) fn output<A: Axis, S: Simd, const N: usize>(
    s: S,
    points: usize,
    m: [V<S>; N],
) -> [V<S>; N] {
    either::<A, S, N>(s, points, &A::ALGORITHM.output, butterfly::<A, S, N>(s, m))
}

/// Taps to the distinct filters, along one axis.
#[inline(always)]
pub(super) fn filter<A: Axis, S: Simd, const N: usize>(s: S, g: [V<S>; N]) -> [V<S>; N] {
    multiply(s, &A::ALGORITHM.filter, g)
}

/// Multiplies by the matrix of a whole tile or of a short one. These are two calls so that the compiler knows each matrix.
#[inline(always)]
fn either<A: Axis, S: Simd, const N: usize>(
    s: S,
    points: usize,
    [whole, short]: &[Matrix; 2],
    x: [V<S>; N],
) -> [V<S>; N] {
    if A::ALGORITHM.short < points || A::ALGORITHM.short == A::ALGORITHM.points {
        multiply(s, whole, x)
    } else {
        multiply(s, short, x)
    }
}

/// The sum and the difference of each pair.
#[inline(always)]
fn butterfly<A: Axis, S: Simd, const N: usize>(s: S, mut x: [V<S>; N]) -> [V<S>; N] {
    for i in 1..N - 1 {
        if A::ALGORITHM.pairs[i] {
            let (a, b) = (x[i], x[i + 1]);
            x[i] = s.add_f32s(a, b);
            x[i + 1] = s.sub_f32s(a, b);
        }
    }
    x
}

/// Matrix times vector. The rows are written out, so that the compiler sees which entries are zero or one.
#[inline(always)]
fn multiply<S: Simd, const N: usize>(s: S, matrix: &Matrix, x: [V<S>; N]) -> [V<S>; N] {
    const { assert!(N <= MOST) };
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

/// The sum of `row[j] * x[j]` without the terms that are zero. The last term comes first: in an input matrix its factor is one.
#[inline(always)]
fn dot<S: Simd, const N: usize>(s: S, row: &[f32; MOST], x: [V<S>; N]) -> V<S> {
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
