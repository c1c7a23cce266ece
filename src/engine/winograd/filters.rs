//! Filter transform: `[outputs, inputs, time, rows, columns]` weights to one packed matrix per distinct point,
//! `[spatial point][panel][point in time][input][lane]`.

#![allow(unsafe_code, reason = "a kernel")]

use super::buffer::{Buffer, LINE, Span};
use super::convolution::{Kind, for_kind};
use super::simd::{Isa, Simd, WithSimd, load};
use super::threads::Crew;
use super::transforms::{Axis, F2x3, F4x3, F4x4, Identity, MOST, Stride2, filter};
use std::marker::PhantomData;
use std::ops::Range;

/// Floats from spatial point to spatial point. One line more than the matrices need: points a power of two apart would compete
/// for the same cache sets while they are written.
pub fn stride(kind: Kind, inputs: usize, outputs: usize) -> usize {
    let [_, time] = kind.axes();
    time.filters * inputs * outputs + LINE
}

/// Transforms the weights of a convolution, given as consecutive output channels, a whole number of panels each.
pub fn transform(isa: Isa, crew: Crew, kind: Kind, inputs: usize, weights: &[&[f32]]) -> Buffer {
    fn run<X: Axis, T: Axis>(
        isa: Isa,
        crew: Crew,
        kind: Kind,
        inputs: usize,
        weights: &[&[f32]],
    ) -> Buffer {
        let (space, time) = (X::ALGORITHM, T::ALGORITHM);
        let panel = isa.panel();
        let size = panel * inputs * time.taps * space.taps * space.taps;
        let panels: Vec<&[f32]> = weights.iter().flat_map(|w| w.chunks_exact(size)).collect();
        let stride = stride(kind, inputs, panels.len() * panel);
        let mut buffer = Buffer::zeroed(space.filters * space.filters * stride);
        let filters = Span::new(&mut buffer);
        crew.grid([panels.len(), inputs / 4], |panels_here, quads| {
            for index in panels_here {
                isa.run(Panel::<X, T> {
                    weights: panels[index],
                    first: index * panel * time.filters * inputs,
                    inputs,
                    part: quads.start * 4..quads.end * 4,
                    stride,
                    filters,
                    axes: PhantomData,
                });
            }
        });
        buffer
    }
    for_kind!(kind, run(isa, crew, kind, inputs, weights))
}

/// The transform of some input channels of one panel of output channels.
struct Panel<'a, X, T> {
    /// Weights of the panel's output channels, `[panel, inputs, time, rows, columns]`.
    weights: &'a [f32],
    /// Where the panel begins in every spatial point's matrices.
    first: usize,
    inputs: usize,
    /// The input channels.
    part: Range<usize>,
    /// Floats from spatial point to spatial point.
    stride: usize,
    /// All filters of the convolution.
    filters: Span<'a>,
    axes: PhantomData<(X, T)>,
}

/// Most lanes of a panel: two vectors of 16.
const MOST_LANES: usize = 32;
/// Most taps of a filter: 3x3x3.
const MOST_TAPS: usize = 27;

impl<X: Axis, T: Axis> WithSimd for Panel<'_, X, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (space, time) = (X::ALGORITHM, T::ALGORITHM);
        let (r, n, lanes) = (space.taps, space.filters, 2 * S::F32_LANES);
        let taps = time.taps * r * r;
        let none = [s.splat_f32s(0.0); MOST];
        let mut gathered = [[0.0; MOST_LANES]; MOST_TAPS];
        let (mut in_time, mut columns) = ([[none; MOST]; MOST], [none; MOST]);
        for channel in self.part {
            for lane in 0..lanes {
                let from = &self.weights[(lane * self.inputs + channel) * taps..][..taps];
                for (tap, &weight) in from.iter().enumerate() {
                    gathered[tap][lane] = weight;
                }
            }
            for half in [0, S::F32_LANES] {
                // One axis after the other: time, rows, columns.
                for y in 0..r {
                    for x in 0..r {
                        let mut g = none;
                        for t in 0..time.taps {
                            g[t] = load::<S>(&gathered[(t * r + y) * r + x], half);
                        }
                        in_time[y][x] = filter::<T, S>(s, g);
                    }
                }
                for k in 0..time.filters {
                    let to = self.first + (k * self.inputs + channel) * lanes + half;
                    for x in 0..r {
                        let mut g = none;
                        for y in 0..r {
                            g[y] = in_time[y][x][k];
                        }
                        columns[x] = filter::<X, S>(s, g);
                    }
                    for i in 0..n {
                        let mut g = none;
                        for x in 0..r {
                            g[x] = columns[x][i];
                        }
                        g = filter::<X, S>(s, g);
                        for j in 0..n {
                            let at = (i * n + j) * self.stride + to;
                            // SAFETY: this part of this panel is filled here and nowhere else.
                            unsafe { self.filters.store::<S>(at, g[j]) }
                        }
                    }
                }
            }
        }
    }
}
