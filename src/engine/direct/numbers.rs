//! Floats to bfloat16 and back.
//!
//! A bfloat16 number is the upper half of a float. Two of them are a word; in memory words are held as floats. A line of 16
//! words holds 32 channels of a pixel: channel `i` is the lower half of word `i`, channel `i + 16` the upper half. So a vector of
//! words is made of two vectors of floats without moving a number across lanes.

use crate::engine::cpu::simd::Simd;
use pulp::bytemuck::cast;

/// The upper half of a word.
const UPPER: u32 = 0xffff_0000;
/// What every NaN becomes.
const NAN: u32 = 0x7fc0;

/// The bits of the bfloat16 number next to a float; of two that are equally near, the even one.
#[inline(always)]
pub(super) fn nearest(number: f32) -> u32 {
    let bits = number.to_bits();
    if number.is_nan() {
        NAN
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

/// [`word`] in vectors.
#[inline(always)]
pub(super) fn narrow<S: Simd>(s: S, [lower, upper]: [S::f32s; 2]) -> S::f32s {
    let (lower, upper) = (rounded(s, lower), rounded(s, upper));
    let lower = s.wrapping_dyn_shr_u32s(lower, s.splat_u32s(16));
    cast(s.or_u32s(lower, s.and_u32s(upper, s.splat_u32s(UPPER))))
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
    s.select_u32s(s.equal_f32s(number, number), sum, s.splat_u32s(NAN << 16))
}

/// [`numbers`] in vectors.
#[inline(always)]
pub(super) fn widen<S: Simd>(s: S, words: S::f32s) -> [S::f32s; 2] {
    let bits: S::u32s = cast(words);
    let lower = s.wrapping_dyn_shl_u32s(bits, s.splat_u32s(16));
    [cast(lower), cast(s.and_u32s(bits, s.splat_u32s(UPPER)))]
}
