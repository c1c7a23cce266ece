//! One-dimensional minimal filtering: the algorithms that tiles are made of.
//!
//! An algorithm computes `outputs` neighbouring outputs of a filter with `taps` taps from one product per point,
//! `y = output(filter(g) * input(d))`, where `d` are the inputs under the outputs. Applied along each axis in turn it computes
//! a 2-D or 3-D tile. This is Winograd's `F(m, r)` by Cook-Toom interpolation, after Lavin & Gray, "Fast Algorithms for
//! Convolutional Neural Networks" (2016), section 4.

/// The most points an algorithm has.
pub const MOST: usize = 9;
/// A linear map; entries outside an algorithm's extents are zero.
pub type Matrix = [[f32; MOST]; MOST];

/// A one-dimensional algorithm.
#[derive(Clone, Copy)]
pub struct Algorithm {
    /// Inputs and products per tile.
    pub points: usize,
    /// Distinct filters among the points.
    pub filters: usize,
    /// The first and the last of the points that share a filter.
    same: [usize; 2],
    /// Points of a short tile, which has at most half the outputs. They are the first ones.
    pub short: usize,
    /// Outputs per tile.
    pub outputs: usize,
    /// Taps of the filter.
    pub taps: usize,
    /// Step between outputs, in inputs.
    pub stride: usize,
    /// Zeros before the first input and after the last.
    pub pad: usize,
    /// Whether this point is `p` and the next one `-p`. The matrices then hold half the sum and half the difference of the
    /// two rows, half of whose entries are zero; an addition and a subtraction give the values of the points.
    pub pairs: [bool; MOST],
    /// Inputs to points, for a whole tile and for a short one.
    pub input: [Matrix; 2],
    /// Products to outputs, likewise.
    pub output: [Matrix; 2],
    /// Taps to distinct filters.
    pub filter: Matrix,
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

    /// Outputs along an axis with this many inputs.
    pub fn extent(&self, inputs: usize) -> usize {
        (inputs + 2 * self.pad - self.taps) / self.stride + 1
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

macro_rules! axes {
    ($($(#[$doc:meta])* $name:ident = $algorithm:expr;)*) => {$(
        $(#[$doc])*
        pub struct $name;
        impl Axis for $name {
            const ALGORITHM: &'static Algorithm = &$algorithm;
        }
    )*};
}

const INFINITY: f64 = f64::INFINITY;

axes! {
    /// One input, one output: the time axis of a 2-D convolution.
    Identity = cook_toom(&[INFINITY], [1, 1], 0);
    /// F(2, 3).
    F2x3 = cook_toom(&[0.0, 1.0, -1.0, INFINITY], [2, 3], 1);
    /// F(4, 3). The usual points ±1, ±2 cost as much and have two to three times the error.
    F4x3 = cook_toom(&[0.0, 0.625, -0.625, INFINITY, 1.5, -1.5], [4, 3], 1);
    /// F(4, 4), on an image that is already padded.
    F4x4 = cook_toom(&[0.0, 1.0, -1.0, 2.0, -2.0, 0.5, INFINITY], [4, 4], 0);
    /// Two outputs of a 3-tap filter with stride 2: five products.
    Stride2 = polyphase(&[0.0, INFINITY, 1.0], 2);
    /// Four outputs of a 3-tap filter with stride 2: nine products.
    Stride4 = polyphase(&[0.0, 1.0, -1.0, INFINITY, 0.5], 4);
}

/// A `for` loop in a constant function.
macro_rules! each {
    ($i:ident < $end:expr, $body:block) => {
        let mut $i = 0;
        while $i < $end {
            $body
            $i += 1;
        }
    };
}

/// F(outputs, taps) with stride 1 at these points. A short tile computes F(outputs / 2, taps) with the same filters.
const fn cook_toom(points: &[f64], [outputs, taps]: [usize; 2], pad: usize) -> Algorithm {
    let (all, short) = (points.len(), points.len() - outputs / 2);
    let mut pairs = [false; MOST];
    each!(i < all - 1, {
        pairs[i] = points[i] == -points[i + 1];
    });
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
            paired(polynomials(points, all), pairs),
            paired(polynomials(points, short), pairs),
        ],
        output: [
            transposed(paired(powers(points, all, outputs, true), pairs)),
            transposed(paired(powers(points, short, outputs / 2, true), pairs)),
        ],
        // With so few taps, half a sum costs as much as a point.
        filter: paired(powers(points, all, taps, false), [false; MOST]),
    }
}

/// This many outputs of a 3-tap filter with stride 2. The even inputs meet taps 0 and 2 in an F(outputs, 2) at these points;
/// the odd inputs meet tap 1 alone, in one product per output. The odd products follow the even points of a short tile, so a
/// short tile is a prefix.
const fn polyphase(points: &[f64], outputs: usize) -> Algorithm {
    let even = cook_toom(points, [outputs, 2], 0);
    let odd = even.short;
    let mut all = Algorithm {
        points: even.points + outputs,
        filters: even.points + 1,
        same: [odd, odd + outputs - 1],
        short: odd + outputs / 2,
        taps: 3,
        stride: 2,
        pad: 1,
        pairs: [false; MOST],
        input: [[[0.0; MOST]; MOST]; 2],
        output: [[[0.0; MOST]; MOST]; 2],
        filter: [[0.0; MOST]; MOST],
        ..even
    };
    each!(i < even.points, {
        let after = i >= odd;
        let at = if after { i + outputs } else { i };
        all.pairs[at] = even.pairs[i];
        each!(k < even.points, {
            each!(form < 2, {
                all.input[form][at][2 * k] = even.input[form][i][k];
                all.output[form][k][at] = even.output[form][k][i];
            });
        });
        let row = &mut all.filter[i + after as usize];
        [row[0], row[2]] = [even.filter[i][0], even.filter[i][1]];
    });
    all.filter[odd][1] = 1.0;
    each!(k < outputs, {
        // A short tile does not compute the later ones.
        each!(form < 2, {
            all.input[form][odd + k][2 * k + 1] = 1.0;
            all.output[form][k][odd + k] = 1.0;
        });
    });
    all
}

/// For each of the first `used` points, the polynomial that is zero at the others of them: its coefficients.
const fn polynomials(points: &[f64], used: usize) -> [[f64; MOST]; MOST] {
    let mut rows = [[0.0; MOST]; MOST];
    each!(i < used, {
        rows[i][0] = 1.0;
        each!(j < used, {
            if j != i && points[j].is_finite() {
                let factor = rows[i];
                rows[i][0] = -points[j] * factor[0];
                each!(k < MOST - 1, {
                    rows[i][k + 1] = factor[k] - points[j] * factor[k + 1];
                });
            }
        });
    });
    rows
}

/// For each of the first `used` points, its powers; infinity has the highest one only. If `divided`, by the product of the
/// point's differences from the others of them.
const fn powers(points: &[f64], used: usize, count: usize, divided: bool) -> [[f64; MOST]; MOST] {
    let mut rows = [[0.0; MOST]; MOST];
    each!(i < used, {
        let (finite, mut power) = (points[i].is_finite(), 1.0);
        each!(j < used, {
            if divided && finite && j != i && points[j].is_finite() {
                power /= points[i] - points[j];
            }
        });
        each!(k < count, {
            if finite {
                rows[i][k] = power;
                power *= points[i];
            } else if k + 1 == count {
                rows[i][k] = 1.0;
            }
        });
    });
    rows
}

/// Half the sum and half the difference of each pair of rows in their place.
const fn paired(mut rows: [[f64; MOST]; MOST], pairs: [bool; MOST]) -> Matrix {
    let mut matrix = [[0.0; MOST]; MOST];
    each!(i < MOST, {
        each!(k < MOST, {
            if pairs[i] {
                let [a, b] = [rows[i][k], rows[i + 1][k]];
                [rows[i][k], rows[i + 1][k]] = [(a + b) / 2.0, (a - b) / 2.0];
            }
            matrix[i][k] = rows[i][k] as f32;
        });
    });
    matrix
}

const fn transposed(matrix: Matrix) -> Matrix {
    let mut columns = matrix;
    each!(i < MOST, {
        each!(k < MOST, {
            columns[k][i] = matrix[i][k];
        });
    });
    columns
}
