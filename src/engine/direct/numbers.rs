//! Floats to bfloat16 and back.
//!
//! A bfloat16 number is the upper half of a float. Two of them are a word; in memory words are held as floats. A line of 16
//! words holds 32 channels of a pixel, one behind the other: channel `2 i` is the lower half of word `i`.

use crate::engine::cpu::buffer::LINE;
use crate::engine::cpu::simd::{Isa, Simd, WithSimd, load};
use pulp::bytemuck::{cast, cast_slice, cast_slice_mut};

/// The upper half of a word.
const UPPER: u32 = 0xffff_0000;
/// The exponent of a float.
const EXPONENT: u32 = 0x7f80_0000;
/// The sign of a float.
const SIGN: u32 = 0x8000_0000;
/// The first bit behind the exponent of a bfloat16 number: a NaN that has it is quiet.
const QUIET: u32 = 0x40;

/// The bits of the bfloat16 number next to a float; of two that are equally near, the even one. As the processor's instruction has
/// it, a float below the smallest normal one is zero, and a NaN stays one by a bit that is set.
#[inline(always)]
pub(super) fn nearest(number: f32) -> u32 {
    let bits = number.to_bits();
    if number.is_nan() {
        bits >> 16 | QUIET
    } else if bits & EXPONENT == 0 {
        (bits & SIGN) >> 16
    } else {
        // Infinity has zeros in its lower half, and so stays what it is.
        (bits + (0x7fff + (bits >> 16 & 1))) >> 16
    }
}

/// The word of two floats.
#[inline(always)]
pub(super) fn word(lower: f32, upper: f32) -> f32 {
    f32::from_bits(nearest(lower) | nearest(upper) << 16)
}

/// The two numbers of a word.
#[inline(always)]
pub(super) fn numbers(word: f32) -> [f32; 2] {
    let bits = word.to_bits();
    [bits << 16, bits & UPPER].map(f32::from_bits)
}

/// How vectors of floats are rounded.
pub(super) trait Rounding: Copy {
    /// Writes the numbers next to some floats, to half as many words.
    fn narrow<S: Simd>(self, s: S, floats: S::f32s, to: &mut [f32]);
}

/// By integer arithmetic, which every processor has.
#[derive(Clone, Copy)]
pub(super) struct Arithmetic;

impl Rounding for Arithmetic {
    #[inline(always)]
    fn narrow<S: Simd>(self, s: S, floats: S::f32s, to: &mut [f32]) {
        let bits = [s.wrapping_dyn_shr_u32s(rounded(s, floats), s.splat_u32s(16))];
        let bits: &[u32] = cast_slice(&bits);
        let to: &mut [u16] = cast_slice_mut(to);
        for (to, &bits) in to.iter_mut().zip(bits) {
            *to = bits as u16;
        }
    }
}

/// The nearest bfloat16 number in the upper half, and anything in the lower one.
#[inline(always)]
fn rounded<S: Simd>(s: S, number: S::f32s) -> S::u32s {
    let bits: S::u32s = cast(number);
    let odd = s.and_u32s(
        s.wrapping_dyn_shr_u32s(bits, s.splat_u32s(16)),
        s.splat_u32s(1),
    );
    let sum = s.add_u32s(bits, s.add_u32s(s.splat_u32s(0x7fff), odd));
    let exponent = s.and_u32s(bits, s.splat_u32s(EXPONENT));
    let is_small = s.equal_u32s(exponent, s.splat_u32s(0));
    let sum = s.select_u32s(is_small, s.and_u32s(bits, s.splat_u32s(SIGN)), sum);
    let quiet = s.or_u32s(bits, s.splat_u32s(QUIET << 16));
    s.select_u32s(s.equal_f32s(number, number), sum, quiet)
}

/// The larger of two words' numbers, none of which has a sign: their bits have the order of the numbers, and NaN is the largest.
#[inline(always)]
pub(super) fn larger_magnitudes<S: Simd>(s: S, a: S::f32s, b: S::f32s) -> S::f32s {
    cast(s.max_u16s(cast(a), cast(b)))
}

/// A kernel that rounds.
pub(super) trait WithRounding {
    /// Runs it; inlined always.
    fn run<S: Simd, R: Rounding>(&self, s: S, rounding: R);
}

/// Runs a kernel compiled for this instruction set, and for the instruction that rounds where the processor has it.
#[inline]
pub(super) fn run(isa: Isa, kernel: &impl WithRounding) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if let Some(both) = instruction::Both::detect(isa) {
        return both.run(kernel);
    }
    isa.run(Plain(kernel));
}

struct Plain<'a, K>(&'a K);

impl<K: WithRounding> WithSimd for Plain<'_, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        self.0.run(s, Arithmetic);
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod instruction {
    //! `VCVTNEPS2BF16`, which every processor with the unit has.

    #![allow(unsafe_code, reason = "an instruction that is asked for at run time")]

    use super::{Rounding, WithRounding};
    use crate::engine::cpu::simd::{Isa, Simd};
    use pulp::x86::V4;
    use std::any::TypeId;
    use std::arch::x86_64::{__m256bh, __m256i, _mm256_storeu_si256, _mm512_cvtneps_pbh};
    use std::mem::{transmute, transmute_copy};

    /// A processor that has AVX-512 and the instruction.
    #[derive(Clone, Copy)]
    pub(super) struct Both(V4);

    impl Both {
        pub(super) fn detect(isa: Isa) -> Option<Self> {
            match isa {
                Isa::Native(pulp::Arch::V4(simd)) => {
                    is_x86_feature_detected!("avx512bf16").then_some(Self(simd))
                }
                _ => None,
            }
        }

        pub(super) fn run(self, kernel: &impl WithRounding) {
            // SAFETY: the processor has all of it, since there is a value.
            unsafe { compiled(self, kernel) }
        }
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16,fma,avx2,bmi1,bmi2,lzcnt,popcnt"
    )]
    fn compiled(both: Both, kernel: &impl WithRounding) {
        kernel.run(both.0, both);
    }

    impl Rounding for Both {
        #[inline(always)]
        fn narrow<S: Simd>(self, _: S, floats: S::f32s, to: &mut [f32]) {
            assert!(TypeId::of::<S>() == TypeId::of::<V4>() && to.len() == S::F32_LANES / 2);
            // SAFETY: the processor has the instruction, vectors of V4 are of this type, and there is room (asserted).
            unsafe {
                let halves = _mm512_cvtneps_pbh(transmute_copy(&floats));
                _mm256_storeu_si256(
                    to.as_mut_ptr().cast(),
                    transmute::<__m256bh, __m256i>(halves),
                );
            }
        }
    }
}

/// The floats that some words' numbers are.
#[inline(always)]
pub(super) fn widen<S: Simd>(_: S, words: &[f32]) -> S::f32s {
    let halves: &[u16] = cast_slice(words);
    let mut floats = [0.0; LINE];
    for (float, &half) in floats.iter_mut().zip(&halves[..S::F32_LANES]) {
        *float = f32::from_bits(u32::from(half) << 16);
    }
    load::<S>(&floats, 0)
}
