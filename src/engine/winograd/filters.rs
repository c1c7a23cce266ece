//! Filter transform: `[outputs, inputs, time, rows, columns]` weights to one packed matrix per distinct point.

use super::buffer::{Buffer, LINE, Span};
use super::convolution::{Kind, for_kind};
use super::simd::{Isa, Simd, WithSimd, load};
use super::threads::{Crew, share};
use super::transforms::{Algorithm, Array, F2x3, F4x3, F4x4, Identity, Stride2};
use std::marker::PhantomData;
use std::ops::Range;

/// Floats from point to point. One line more than the matrix needs: points a power of two apart would compete for the same
/// cache sets while they are written.
pub fn stride(inputs: usize, outputs: usize) -> usize {
    inputs * outputs + LINE
}

/// Transforms the weights of a convolution, given as consecutive output channels, a whole number of panels each.
pub fn transform(isa: Isa, crew: Crew, kind: Kind, inputs: usize, weights: &[&[f32]]) -> Buffer {
    let (space, time) = kind.axes();
    let panel = isa.panel();
    let size = panel * inputs * time.taps * space.taps * space.taps;
    let panels: Vec<&[f32]> = weights.iter().flat_map(|w| w.chunks_exact(size)).collect();
    let outputs = panels.len() * panel;
    let mut buffer =
        Buffer::zeroed(time.filters * space.filters * space.filters * stride(inputs, outputs));
    let filters = buffer.span();
    let parts = crew.parts(panels.len(), inputs / 4);
    crew.each(panels.len() * parts, |task| {
        let (panel, part) = (task / parts, task % parts);
        let part = share(inputs, part, parts);
        let weights = panels[panel];
        // SAFETY: this part of this panel is filled here and nowhere else.
        unsafe {
            Panel {
                kind,
                inputs,
                outputs,
                weights,
                panel,
                part,
                filters,
            }
            .run(isa)
        }
    });
    buffer
}

/// The transform of some input channels of one panel of output channels.
struct Panel<'a> {
    kind: Kind,
    inputs: usize,
    outputs: usize,
    /// Weights of the panel's output channels, `[panel, inputs, time, rows, columns]`.
    weights: &'a [f32],
    panel: usize,
    /// The input channels.
    part: Range<usize>,
    /// All filters of the convolution.
    filters: Span<'a>,
}

impl Panel<'_> {
    /// Fills this part of the panel in every point's matrix.
    ///
    /// # Safety
    /// Nobody else uses this part of the filters meanwhile.
    unsafe fn run(self, isa: Isa) {
        fn run<X: Algorithm, T: Algorithm>(panel: Panel, isa: Isa) {
            isa.run(Transform::<X, T>(panel, PhantomData));
        }
        for_kind!(self.kind, run(self, isa));
    }
}

struct Transform<'a, X, T>(Panel<'a>, PhantomData<(X, T)>);

/// Most taps a filter has: 3x3x3.
const MOST_TAPS: usize = 27;
/// Most lanes of a panel: two vectors of 16.
const MOST_LANES: usize = 32;

impl<X: Algorithm, T: Algorithm> WithSimd for Transform<'_, X, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Panel {
            inputs,
            outputs,
            weights,
            panel,
            part,
            filters,
            ..
        } = self.0;
        let (r, n, lanes) = (X::TAPS, X::FILTERS, 2 * S::F32_LANES);
        let taps = T::TAPS * r * r;
        let zero = s.splat_f32s(0.0);
        let mut gathered = [[0.0; MOST_LANES]; MOST_TAPS];
        let mut in_time =
            X::Taps::<X::Taps<T::Points<S::f32s>>>::fill(X::Taps::fill(T::Points::fill(zero)));
        let mut columns = X::Taps::<X::Points<S::f32s>>::fill(X::Points::fill(zero));
        for input in part {
            for lane in 0..lanes {
                let filter = &weights[(lane * inputs + input) * taps..][..taps];
                for (tap, &weight) in filter.iter().enumerate() {
                    gathered[tap][lane] = weight;
                }
            }
            for half in [0, S::F32_LANES] {
                // One axis after the other: time, rows, columns.
                for y in 0..r {
                    for x in 0..r {
                        let mut g = T::Taps::fill(zero);
                        for t in 0..T::TAPS {
                            g[t] = load::<S>(&gathered[(t * r + y) * r + x], half);
                        }
                        in_time[y][x] = T::filter(s, g);
                    }
                }
                for k in 0..T::FILTERS {
                    for x in 0..r {
                        let mut g = X::Taps::fill(zero);
                        for y in 0..r {
                            g[y] = in_time[y][x][k];
                        }
                        columns[x] = X::filter(s, g);
                    }
                    for i in 0..n {
                        let mut g = X::Taps::fill(zero);
                        for x in 0..r {
                            g[x] = columns[x][i];
                        }
                        let points = X::filter(s, g);
                        for j in 0..n {
                            let filter = (k * n + i) * n + j;
                            let at = filter * stride(inputs, outputs)
                                + (panel * inputs + input) * lanes
                                + half;
                            // SAFETY: this panel is filled here and nowhere else.
                            unsafe { filters.store::<S>(at, points[j]) }
                        }
                    }
                }
            }
        }
    }
}
