//! Filter transform down and across: `[outputs, inputs, time, rows, columns]` weights to one packed matrix per distinct spatial
//! point and tap in time, `[spatial point][panel][piece][tap][input][lane]`, a piece being [`PIECE`] inputs or what is left.

#![allow(unsafe_code, reason = "a kernel")]

use super::buffer::{Buffer, LINE, Span};
use super::convolution::{Kind, for_kind};
use super::simd::{Isa, Simd, WithSimd, load, store};
use super::threads::Crew;
use super::transforms::{Axis, F2x3, F4x3, F4x4, Identity, Stride2, Stride4, filter};
use std::marker::PhantomData;
use std::ops::Range;

/// Inputs whose taps stand together: what is made of them in time stays in the first-level cache.
pub const PIECE: usize = 64;

/// Floats from spatial point to spatial point. One line more than the matrices need: points a power of two apart would compete
/// for the same cache sets while they are written.
pub fn stride(kind: Kind, inputs: usize, outputs: usize) -> usize {
    let [_, time] = kind.axes();
    time.taps * inputs * outputs + LINE
}

/// Transforms the weights of a convolution, given as consecutive output channels, a whole number of panels each.
pub fn transform(isa: Isa, crew: Crew, kind: Kind, inputs: usize, weights: &[&[f32]]) -> Buffer {
    fn run<X: Axis, T: Axis, const N: usize, const M: usize>(
        isa: Isa,
        crew: Crew,
        kind: Kind,
        inputs: usize,
        weights: &[&[f32]],
    ) -> Buffer {
        let space = X::ALGORITHM;
        let panel = isa.panel();
        let depth = inputs * T::ALGORITHM.taps;
        let size = panel * depth * space.taps * space.taps;
        let panels: Vec<&[f32]> = weights.iter().flat_map(|w| w.chunks_exact(size)).collect();
        let stride = stride(kind, inputs, panels.len() * panel);
        let mut buffer = Buffer::zeroed(space.filters * space.filters * stride);
        let filters = Span::new(&mut buffer);
        crew.grid([panels.len(), inputs / 4], |panels_here, quads| {
            for index in panels_here {
                isa.run(Panel::<X, N> {
                    weights: panels[index],
                    first: index * panel * depth,
                    inputs,
                    taps: T::ALGORITHM.taps,
                    part: quads.start * 4..quads.end * 4,
                    stride,
                    filters,
                    axis: PhantomData,
                });
            }
        });
        buffer
    }
    for_kind!(kind, run(isa, crew, kind, inputs, weights))
}

/// The transform of some input channels of one panel of output channels.
struct Panel<'a, X, const N: usize> {
    /// Weights of the panel's output channels, `[panel, inputs, time, rows, columns]`.
    weights: &'a [f32],
    /// Where the panel begins in every spatial point's matrices.
    first: usize,
    inputs: usize,
    /// Taps in time.
    taps: usize,
    /// The input channels.
    part: Range<usize>,
    /// Floats from spatial point to spatial point.
    stride: usize,
    /// All filters of the convolution.
    filters: Span<'a>,
    axis: PhantomData<X>,
}

/// Most lanes of a panel: two vectors of 16.
const MOST_LANES: usize = 32;
/// Most taps of a filter: 3x3x3.
const MOST_TAPS: usize = 27;

impl<X: Axis, const N: usize> WithSimd for Panel<'_, X, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (r, n, lanes) = (X::ALGORITHM.taps, X::ALGORITHM.filters, 2 * S::F32_LANES);
        let taps = self.taps * r * r;
        let none = [s.splat_f32s(0.0); N];
        let mut gathered = [[0.0; MOST_LANES]; MOST_TAPS];
        let mut columns = [none; N];
        for channel in self.part {
            for lane in 0..lanes {
                let from = &self.weights[(lane * self.inputs + channel) * taps..][..taps];
                for (tap, &weight) in from.iter().enumerate() {
                    gathered[tap][lane] = weight;
                }
            }
            let piece = channel / PIECE * PIECE;
            let inputs = PIECE.min(self.inputs - piece);
            for t in 0..self.taps {
                let row = piece * self.taps + t * inputs + channel - piece;
                for half in [0, S::F32_LANES] {
                    for x in 0..r {
                        let mut g = none;
                        for y in 0..r {
                            g[y] = load::<S>(&gathered[(t * r + y) * r + x], half);
                        }
                        columns[x] = filter::<X, S, N>(s, g);
                    }
                    for i in 0..n {
                        let mut g = none;
                        for x in 0..r {
                            g[x] = columns[x][i];
                        }
                        g = filter::<X, S, N>(s, g);
                        for j in 0..n {
                            let at = (i * n + j) * self.stride + self.first + row * lanes + half;
                            // SAFETY: this part of this panel is filled here and nowhere else.
                            unsafe { self.filters.store::<S>(at, g[j]) }
                        }
                    }
                }
            }
        }
    }
}

/// The filters of one point in time, `[input][lane]`, which take these factors of three taps, `[tap][input][lane]`: a tap as it
/// is, or made in `to`. This last step of the filter transform is done when they are used: there are twice as many filters
/// as taps, and to read them from memory would take longer.
///
/// # Panics
/// When there are not three factors and taps.
pub fn of_taps<'a>(isa: Isa, factors: &[f32], taps: &'a [f32], to: &'a mut [f32]) -> &'a [f32] {
    match factors {
        [1.0, 0.0, 0.0] => &taps[..to.len()],
        [0.0, 1.0, 0.0] => &taps[to.len()..][..to.len()],
        [0.0, 0.0, 1.0] => &taps[2 * to.len()..][..to.len()],
        _ => {
            isa.run(OfTaps { factors, taps, to });
            to
        }
    }
}

/// See [`of_taps`].
struct OfTaps<'a> {
    factors: &'a [f32],
    taps: &'a [f32],
    to: &'a mut [f32],
}

impl WithSimd for OfTaps<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (lanes, size) = (S::F32_LANES, self.to.len());
        let (first, others) = self.taps.split_at(size);
        let (second, third) = others.split_at(size);
        let factors = [0, 1, 2].map(|tap| s.splat_f32s(self.factors[tap]));
        let others = second.chunks_exact(lanes).zip(third.chunks_exact(lanes));
        let taps = first.chunks_exact(lanes).zip(others);
        for (to, (first, (second, third))) in self.to.chunks_exact_mut(lanes).zip(taps) {
            let taps = [
                load::<S>(first, 0),
                load::<S>(second, 0),
                load::<S>(third, 0),
            ];
            store::<S>(to, 0, sum(s, factors, taps));
        }
    }
}

/// Three taps, each times its factor, added up.
#[inline(always)]
pub fn sum<S: Simd>(s: S, factors: [S::f32s; 3], taps: [S::f32s; 3]) -> S::f32s {
    let first = s.mul_f32s(factors[0], taps[0]);
    let two = s.mul_add_f32s(factors[1], taps[1], first);
    s.mul_add_f32s(factors[2], taps[2], two)
}
