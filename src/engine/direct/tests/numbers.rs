//! Rounding.

use super::super::numbers::{Rounding, WithRounding, nearest, numbers, run, widen, word};
use crate::engine::cpu::simd::{Simd, load, store};
use crate::engine::cpu::testing::{forms, name};
use half::bf16;

/// Floats of all kinds: zeros, subnormal ones, those next to a tie, infinite ones, and NaN.
fn floats() -> Vec<f32> {
    let halves = [
        0x0000, 0x0001, 0x007f, 0x0080, 0x3f80, 0x3f81, 0x7f7f, 0x7f80, 0x7fc0, 0x7f81,
    ];
    let ends = [0x0000, 0x0001, 0x7fff, 0x8000, 0x8001, 0xffff];
    let both = halves
        .iter()
        .flat_map(|half| ends.map(|end| half << 16 | end));
    both.flat_map(|bits: u32| [bits, bits | 1 << 31].map(f32::from_bits))
        .collect()
}

#[test]
fn a_float_becomes_the_nearest_number_and_of_two_the_even_one() {
    for float in floats() {
        let expected = match float {
            // As the processor's instruction has it.
            _ if float.is_subnormal() => bf16::from_f32(0.0_f32.copysign(float)),
            _ => bf16::from_f32(float),
        };
        assert_eq!(nearest(float), u32::from(expected.to_bits()), "{float:e}");
    }
}

#[test]
fn vectors_make_the_same_numbers() {
    struct Both<'a>(&'a [f32], &'a std::cell::RefCell<[Vec<f32>; 2]>);
    impl WithRounding for Both<'_> {
        #[inline(always)]
        fn run<S: Simd, R: Rounding>(&self, s: S, rounding: R) {
            let [words, back] = &mut *self.1.borrow_mut();
            for at in (0..self.0.len()).step_by(S::F32_LANES) {
                let words = &mut words[at / 2..][..S::F32_LANES / 2];
                rounding.narrow(s, load::<S>(self.0, at), words);
                store::<S>(back, at, widen(s, words));
            }
        }
    }
    let mut all = floats();
    all.resize(all.len().next_multiple_of(16), 1.0);
    for isa in forms() {
        let found = [vec![0.0; all.len() / 2], vec![0.0; all.len()]];
        let found = std::cell::RefCell::new(found);
        run(isa, &Both(&all, &found));
        let [words, back] = found.into_inner();
        for ((pair, found), back) in all.chunks(2).zip(words).zip(back.chunks(2)) {
            let expected = word(pair[0], pair[1]);
            let bits = [found, expected].map(f32::to_bits);
            assert_eq!(bits[0], bits[1], "{pair:?}, {}", name(isa));
            let numbers = numbers(expected).map(f32::to_bits);
            assert_eq!([back[0], back[1]].map(f32::to_bits), numbers);
        }
    }
}
