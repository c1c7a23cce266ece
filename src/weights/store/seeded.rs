//! Convolution weights from a seed: the same bits on every machine, without a file.
//!
//! The demo's network has random convolutions. Storing them would take 150 MB; this module computes them instead, from a
//! 64-bit seed and each tensor's name. All arithmetic is on integers but for one multiplication per weight, so Rust,
//! NumPy and any other IEEE 754 implementation agree bit for bit:
//!
//! ```text
//! key     = mix(seed XOR fnv1a64(name))                       name: the state_dict name, in UTF-8
//! bits(i) = mix(key + (i + 1) * 0x9E3779B97F4A7C15)           i: position in C order; arithmetic modulo 2^64
//! sum(i)  = the four 16-bit parts of bits(i) added up         0 ..= 4 * 65535
//! w(i)    = f32(sum(i) - 2 * 65535) * scale                   the conversion is exact, the product rounds once
//! scale   = f32(sqrt(6 / (fan_in * (2^32 - 1))))              computed in f64, rounded once
//! ```
//!
//! `mix` is the output function of splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
//! OOPSLA 2014), `fnv1a64` the 64-bit FNV-1a hash. A sum of four uniform numbers is close to normal; its variance is
//! `(2^32 - 1) / 3`, so `scale` gives He-normal weights: mean 0 and variance `2 / fan_in`, with `fan_in` the input
//! channels times the kernel's volume.

use rayon::prelude::*;

use crate::random::{GAMMA, fnv1a, mix};
use crate::weights::tensor::{Dtype, RawTensor, TensorSpec};

const SUM_MEAN: i32 = 2 * 0xFFFF;
/// Weights per parallel piece: large enough to hide the hand-over, small enough to share out one tensor.
const PIECE: usize = 1 << 16;
const WEIGHT_BYTES: usize = size_of::<f32>();

/// Computes the weights of the convolution called `name` (for example `eco_3d.res_3d_3.res3a_2.weight`) as
/// little-endian float32, in the C order of `shape` = `[out, in, kernel...]`.
///
/// The work is shared among rayon's threads.
pub fn convolution(seed: u64, name: &str, shape: &[usize]) -> Vec<u8> {
    let key = mix(seed ^ fnv1a(name));
    let scale = he_scale(shape.iter().skip(1).product());
    let mut weights = vec![0; shape.iter().product::<usize>() * WEIGHT_BYTES];
    weights
        .par_chunks_mut(PIECE * WEIGHT_BYTES)
        .enumerate()
        .for_each(|(piece, part)| {
            let mut counter = key.wrapping_add(GAMMA.wrapping_mul((piece * PIECE) as u64));
            for weight in part.as_chunks_mut().0 {
                counter = counter.wrapping_add(GAMMA);
                let value = (sum_of_parts(mix(counter)) - SUM_MEAN) as f32 * scale;
                *weight = value.to_le_bytes();
            }
        });
    weights
}

/// Computes a tensor of a network whose values are of use to nobody but keep every activation in range: random
/// convolutions and a random head, no biases, batch norms that change nothing, counters at zero.
pub fn tensor(seed: u64, spec: &TensorSpec) -> RawTensor<'static> {
    let TensorSpec { name, shape } = spec;
    let count = shape.iter().product::<usize>();
    let (dtype, data) = match name.rsplit('.').next() {
        _ if spec.is_counter() => (Dtype::I64, vec![0; size_of::<i64>()]),
        _ if shape.len() > 1 => (Dtype::F32, convolution(seed, name, shape)),
        Some("weight" | "running_var") => (Dtype::F32, 1f32.to_le_bytes().repeat(count)),
        _ => (Dtype::F32, vec![0; count * WEIGHT_BYTES]),
    };
    RawTensor {
        dtype,
        shape: shape.clone(),
        data: data.into(),
    }
}

/// The four 16-bit parts added up.
fn sum_of_parts(bits: u64) -> i32 {
    const EVEN: u64 = 0x0000_FFFF_0000_FFFF;
    let pairs = (bits & EVEN) + ((bits >> 16) & EVEN);
    ((pairs & 0xFFFF_FFFF) + (pairs >> 32)) as i32
}

fn he_scale(fan_in: usize) -> f32 {
    (6.0 / (fan_in as f64 * f64::from(u32::MAX))).sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(seed: u64, name: &str, shape: &[usize]) -> Vec<f32> {
        let bytes = convolution(seed, name, shape);
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|&weight| f32::from_le_bytes(weight))
            .collect()
    }

    #[test]
    fn weights_are_those_that_numpy_computes() {
        // python scripts/seeded_weights.py 7 eco_2d.basic_conv.conv1_7x7_s2.weight 64x3x7x7
        let weights = weights(7, "eco_2d.basic_conv.conv1_7x7_s2.weight", &[64, 3, 7, 7]);
        let bits: Vec<u32> = weights.iter().map(|weight| weight.to_bits()).collect();
        assert_eq!(
            bits[..4],
            [0x3c77_d747, 0x3b15_4cf1, 0x3d54_4897, 0x3d90_4807]
        );
        assert_eq!(bits[9407..], [0xbd78_14b2]);
    }

    #[test]
    fn pieces_continue_one_another() {
        let last = PIECE as u64 + 5;
        let all = weights(1, "w", &[last as usize, 8]);
        let bits = mix(mix(1 ^ fnv1a("w")).wrapping_add(GAMMA.wrapping_mul(last * 8)));
        assert_eq!(
            all.last(),
            Some(&((sum_of_parts(bits) - SUM_MEAN) as f32 * he_scale(8)))
        );
    }

    #[test]
    fn weights_have_the_variance_of_he_initialisation() {
        let weights = weights(3, "eco_3d.res_3d_3.res3a_2.weight", &[128, 96, 3, 3, 3]);
        let count = weights.len() as f64;
        let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / count;
        let variance = weights.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>() / count;
        // Standard errors for this count: 5e-5 of the mean, 0.2 % of the variance.
        assert!(mean.abs() < 2e-4, "{mean}");
        assert!(
            (variance * (96.0 * 27.0) / 2.0 - 1.0).abs() < 0.01,
            "{variance}"
        );
    }

    #[test]
    fn other_seeds_and_other_names_give_other_weights() {
        let first = convolution(1, "a.weight", &[1, 9]);
        assert_ne!(first, convolution(2, "a.weight", &[1, 9]));
        assert_ne!(first, convolution(1, "b.weight", &[1, 9]));
    }
}
