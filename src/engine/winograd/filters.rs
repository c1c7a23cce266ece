//! The spatial filter transform: `[outputs, inputs, time, rows, columns]` weights to one packed matrix per distinct spatial point
//! and tap in time, `[spatial point][panel][piece][tap][input][lane]`. A piece is [`PIECE`] inputs, or the rest of them.

#![allow(unsafe_code, reason = "a kernel")]

use super::kind::*;
use super::transforms::filter;
use super::view::Layout;
use crate::engine::cpu::buffer::{Buffer, LINE, Span};
use crate::engine::cpu::simd::{Isa, Simd, WithSimd, kernel, load, store};
use crate::engine::cpu::threads::Crew;
use std::ops::Range;

/// Inputs per piece: the filters made of a piece's taps stay in the first-level cache.
pub const PIECE: usize = 64;
/// The most taps of a filter: 3x3x3.
const MOST_TAPS: usize = 27;
/// The most lanes of a panel: two vectors of 16.
const MOST_LANES: usize = 32;
/// Inputs per task, at least.
const QUAD: usize = 4;

/// Where filters lie: by distinct spatial point, panel, and row of taps and inputs. There is a line between spatial points: points
/// a power of two apart would compete for the same cache sets while they are written.
pub fn layout(isa: Isa, kind: Kind, inputs: usize, outputs: usize) -> Layout<3> {
    let [_, time] = kind.axes();
    let depth = time.taps * inputs;
    Layout {
        strides: [outputs * depth + LINE, isa.panel() * depth, isa.panel()],
    }
}

/// Transforms the weights of convolutions of the same input, side by side.
///
/// # Panics
/// When a convolution's outputs are not whole panels.
pub fn transform(isa: Isa, crew: Crew, kind: Kind, inputs: usize, weights: &[&[f32]]) -> Buffer {
    let [space, time] = kind.axes();
    let size = isa.panel() * inputs * time.taps * space.taps * space.taps;
    assert!(weights.iter().all(|w| w.len().is_multiple_of(size)));
    let panels: Vec<&[f32]> = weights.iter().flat_map(|w| w.chunks_exact(size)).collect();
    let layout = layout(isa, kind, inputs, panels.len() * isa.panel());
    let mut buffer = Buffer::zeroed(space.filters * space.filters * layout.strides[0]);
    let filters = Span::new(&mut buffer);
    crew.grid([panels.len(), inputs.div_ceil(QUAD)], |indices, quads| {
        for panel in indices {
            let (weights, extents) = (panels[panel], [panel, inputs, time.taps]);
            let part = quads.start * QUAD..inputs.min(quads.end * QUAD);
            for_space!(kind, |X, N| fill::<X, N>(
                isa, weights, extents, part, filters, layout
            ));
        }
    });
    buffer
}

kernel! {
    /// Fills in the filters of some inputs of a panel, given the weights of its outputs, `[lane, input, time, row, column]`, its
    /// index, and the numbers of inputs and of taps in time.
    fn fill[X, N](
        weights: &[f32], extents: [usize; 3], part: Range<usize>, filters: Span<'_>, layout: Layout<3>
    ) = fill_panel
}

#[inline(always)]
fn fill_panel<S: Simd, X: Axis, const N: usize>(
    s: S,
    weights: &[f32],
    [panel, inputs, time]: [usize; 3],
    part: Range<usize>,
    filters: Span,
    layout: Layout<3>,
) {
    let (r, n) = (X::ALGORITHM.taps, X::ALGORITHM.filters);
    let taps = time * r * r;
    let none = [s.splat_f32s(0.0); N];
    let mut gathered = [[0.0; MOST_LANES]; MOST_TAPS];
    let mut columns = [none; N];
    for channel in part {
        for lane in 0..2 * S::F32_LANES {
            let from = &weights[(lane * inputs + channel) * taps..][..taps];
            for (tap, &weight) in from.iter().enumerate() {
                gathered[tap][lane] = weight;
            }
        }
        let piece = channel / PIECE * PIECE;
        let size = PIECE.min(inputs - piece);
        for t in 0..time {
            let row = piece * time + t * size + channel - piece;
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
                        let at = layout.at([i * n + j, panel, row]) + half;
                        // SAFETY: these inputs of this panel are filled in here and nowhere else.
                        unsafe { filters.store::<S>(at, g[j]) }
                    }
                }
            }
        }
    }
}

/// The filters of one point in time, `[input][lane]`: three taps, `[tap][input][lane]`, times these factors. A single tap is
/// taken as it is, others are made in `to`. This last step of the filter transform is done whenever the filters are used:
/// there are twice as many filters as taps, and reading them from memory would take longer.
///
/// # Panics
/// When there are not three factors and taps.
pub fn of_taps<'a>(isa: Isa, factors: &[f32], taps: &'a [f32], to: &'a mut [f32]) -> &'a [f32] {
    let [first, second, third] = [0, 1, 2].map(|tap| &taps[tap * to.len()..][..to.len()]);
    match factors {
        [1.0, 0.0, 0.0] => first,
        [0.0, 1.0, 0.0] => second,
        [0.0, 0.0, 1.0] => third,
        _ => {
            add(isa, factors, [first, second, third], to);
            to
        }
    }
}

kernel! {
    /// Adds up three taps, each times its factor.
    fn add(factors: &[f32], taps: [&[f32]; 3], to: &mut [f32]) = add_taps
}

#[inline(always)]
fn add_taps<S: Simd>(s: S, factors: &[f32], taps: [&[f32]; 3], to: &mut [f32]) {
    let factors = [0, 1, 2].map(|tap| s.splat_f32s(factors[tap]));
    for at in (0..to.len()).step_by(S::F32_LANES) {
        let [first, second, third] = taps;
        let taps = [
            load::<S>(first, at),
            load::<S>(second, at),
            load::<S>(third, at),
        ];
        store::<S>(to, at, sum(s, factors, taps));
    }
}

/// Three taps, each times its factor, added up.
#[inline(always)]
pub fn sum<S: Simd>(s: S, factors: [S::f32s; 3], taps: [S::f32s; 3]) -> S::f32s {
    let first = s.mul_f32s(factors[0], taps[0]);
    let two = s.mul_add_f32s(factors[1], taps[1], first);
    s.mul_add_f32s(factors[2], taps[2], two)
}
