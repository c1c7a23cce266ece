//! Matrix products, and the 1x1 convolutions that are made of them.

use super::super::gemm::{Epilogue, Gemm};
use super::super::pointwise::Pointwise;
use super::super::view::{Shape, View};
use super::{OUTPUTS, Random, forms, name, relative_error};
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::threads::{self, Crew};

#[test]
fn gemm_agrees_with_float64_for_any_number_of_rows() {
    let (depth, columns) = (if cfg!(miri) { 5 } else { 100 }, 64);
    for isa in forms() {
        for rows in 1..=if cfg!(miri) { 7 } else { 27 } {
            let mut random = Random(rows as u64);
            let [a, b] = [rows, columns].map(|extent| random.take(extent * depth));
            let panel = isa.panel();
            let mut packed = vec![0.0; b.len()];
            for (i, &value) in b.iter().enumerate() {
                let (k, n) = (i / columns, i % columns);
                packed[(n / panel * depth + k) * panel + n % panel] = value;
            }
            let mut c = vec![0.0; rows * columns];
            let mut multiply = |add| {
                isa.run(Gemm {
                    a: &a,
                    b: &packed,
                    c: &mut c,
                    rows,
                    depth,
                    columns,
                    strides: [depth, columns],
                    add,
                    epilogue: None,
                    next: &[],
                });
            };
            multiply(false);
            multiply(true);
            let product = |i: usize| {
                let terms = (0..depth).map(|k| {
                    f64::from(a[i / columns * depth + k]) * f64::from(b[k * columns + i % columns])
                });
                2.0 * terms.sum::<f64>()
            };
            let expected: Vec<f64> = (0..rows * columns).map(product).collect();
            let error = relative_error(&c, &expected);
            assert!(error < 1e-6, "{rows} rows: {error:.1e}");
        }
    }
}

/// Unequal numbers of outputs, a depth and pixels that are no whole blocks, and channels that lie among others.
#[test]
fn pointwise_convolutions_of_one_input_are_computed_side_by_side() {
    let (inputs, outputs) = (if cfg!(miri) { 3 } else { 35 }, [OUTPUTS, 3 * OUTPUTS]);
    let (width, first, all) = (5 * OUTPUTS, OUTPUTS, outputs[0] + outputs[1]);
    let shape = Shape {
        items: 2,
        frames: 1,
        height: 5,
        width: if cfg!(miri) { 2 } else { 13 },
    };
    let pixels = shape.pixels();
    let mut random = Random(9);
    let input = random.take(pixels * inputs);
    let weights = outputs.map(|outputs| random.take(outputs * inputs));
    let bias = random.take(all);
    let rows = || {
        weights
            .iter()
            .flat_map(|weights| weights.chunks_exact(inputs))
    };
    let sum = |pixel: &[f32], row: &[f32]| -> f64 {
        let products = pixel.iter().zip(row);
        products.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    let expected: Vec<f64> = input
        .chunks_exact(inputs)
        .flat_map(|pixel| {
            rows()
                .zip(&bias)
                .map(move |(row, &bias)| sum(pixel, row) + f64::from(bias))
        })
        .collect();
    let run = |isa: Isa, crew| {
        let weights = [&*weights[0], &*weights[1]];
        let layer = Pointwise::new(isa, crew, inputs, &weights, Some(Epilogue::bias(&bias)));
        let mut output = vec![7.0; pixels * width];
        layer.run(
            isa,
            crew,
            View::new(&*input, shape, inputs, inputs),
            View::new(&mut output[first..], shape, width, all),
        );
        output
    };
    let portable = run(Isa::Portable, Crew::Alone);
    let mut found = Vec::new();
    for pixel in portable.chunks_exact(width) {
        let (before, rest) = pixel.split_at(first);
        let (values, after) = rest.split_at(all);
        assert!(before.iter().chain(after).all(|&value| value == 7.0));
        found.extend_from_slice(values);
    }
    let error = relative_error(&found, &expected);
    assert!(error < 1e-6, "{error:.1e}");
    for isa in forms() {
        let shared = threads::pool(3).unwrap().install(|| run(isa, Crew::All));
        assert_eq!(shared, portable, "{}", name(isa));
    }
}
