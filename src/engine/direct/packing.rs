//! Filters as the unit takes them.

use super::grid::CHANNELS;
use super::numbers::word;
use crate::engine::cpu::amx::ROWS;
use crate::engine::cpu::buffer::LINE;
use crate::engine::cpu::simd::{Isa, Simd, WithSimd};
use crate::engine::cpu::threads::Crew;

/// Words of a register of filters: those of a step for 16 outputs.
pub(super) const REGISTER: usize = ROWS * LINE;

/// Words of the filters of a convolution, packed.
pub(super) fn packed_len(outputs: usize, inputs: usize, taps: usize) -> usize {
    outputs / LINE * (inputs / CHANNELS) * taps * REGISTER
}

/// Packs filters, `[outputs][inputs][taps]` of each convolution, as `[16 outputs][chunk][tap][word][output]`: registers in the
/// order in which the steps take them. A word holds two inputs that follow each other, as in a line of pixels.
///
/// # Panics
/// When these are no whole chunks of inputs, or no whole registers of outputs, or `packed` is not as long as that.
pub(super) fn pack(
    isa: Isa,
    crew: Crew,
    [inputs, taps]: [usize; 2],
    filters: &[&[f32]],
    packed: &mut [f32],
) {
    assert!(inputs.is_multiple_of(CHANNELS));
    let each = inputs * taps;
    let sixteens: Vec<&[f32]> = filters
        .iter()
        .flat_map(|filters| {
            assert!(filters.len().is_multiple_of(LINE * each));
            filters.chunks_exact(LINE * each)
        })
        .collect();
    let len = packed_len(LINE, inputs, taps);
    assert_eq!(packed.len(), sixteens.len() * len);
    crew.chunks(packed, len, |index, packed| {
        isa.run(Sixteen {
            filters: sixteens[index],
            taps,
            packed,
        });
    });
}

/// The filters of 16 outputs: a plain loop, which the compiler makes vectors of.
struct Sixteen<'a> {
    filters: &'a [f32],
    taps: usize,
    packed: &'a mut [f32],
}

impl WithSimd for Sixteen<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (taps, each) = (self.taps, self.filters.len() / LINE);
        for (chunk, packed) in self.packed.chunks_exact_mut(taps * REGISTER).enumerate() {
            for row in 0..ROWS {
                let of = |output: usize, input: usize| {
                    let at = output * each + (chunk * CHANNELS + input) * taps;
                    &self.filters[at..][..taps]
                };
                let lower: [&[f32]; LINE] = std::array::from_fn(|output| of(output, 2 * row));
                let upper: [&[f32]; LINE] = std::array::from_fn(|output| of(output, 2 * row + 1));
                for tap in 0..taps {
                    let line = &mut packed[tap * REGISTER + row * LINE..][..LINE];
                    for (output, to) in line.iter_mut().enumerate() {
                        *to = word(lower[output][tap], upper[output][tap]);
                    }
                }
            }
        }
    }
}
