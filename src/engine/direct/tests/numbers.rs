//! Rounding.

use super::super::numbers::{narrow, nearest, numbers, widen, word};
use crate::engine::cpu::simd::{Isa, Simd, WithSimd, load, store};
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
        let expected = bf16::from_f32(float);
        let found = nearest(float);
        if float.is_nan() {
            assert_eq!(found, 0x7fc0, "{:x}", float.to_bits());
        } else {
            assert_eq!(found, u32::from(expected.to_bits()), "{float:e}");
        }
    }
}

#[test]
fn vectors_make_the_same_words() {
    struct Both<'a>(&'a [f32], &'a mut [f32]);
    impl WithSimd for Both<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, s: S) {
            for at in (0..self.0.len()).step_by(S::F32_LANES) {
                let number = load::<S>(self.0, at);
                let words = narrow(s, [number, s.neg_f32s(number)]);
                let [low, high] = widen(s, words);
                store::<S>(self.1, at, narrow(s, [low, high]));
            }
        }
    }
    let mut all = floats();
    all.resize(all.len().next_multiple_of(16), 1.0);
    for isa in forms() {
        let mut found = vec![0.0; all.len()];
        run(isa, &all, &mut found);
        for (&float, found) in all.iter().zip(&found) {
            let expected = word(float, -float);
            assert_eq!(
                found.to_bits(),
                expected.to_bits(),
                "{float:e}, {}",
                name(isa)
            );
            let back = numbers(expected).map(nearest);
            assert_eq!(back, [nearest(float), nearest(-float)]);
        }
    }

    fn run(isa: Isa, from: &[f32], to: &mut [f32]) {
        isa.run(Both(from, to));
    }
}
