//! 1x1 convolutions: matrix products on the activation as it lies.

use super::buffer::Buffer;
use super::gemm::{Epilogue, Gemm, Product, multiply};
use super::simd::Isa;
use super::threads::Crew;
use super::view::View;

/// One or more 1x1 convolutions of the same input, their output channels side by side.
pub struct Pointwise {
    inputs: usize,
    /// Packed weights, `[panel][input][lane]`.
    weights: Buffer,
    epilogue: Option<Epilogue>,
}

/// Pixels per product: they stay in the first-level cache while the panels pass.
const PIXELS: usize = 60;

impl Pointwise {
    /// Packs weights given as `[outputs, inputs]` slices, one per convolution; `epilogue` is what follows.
    pub fn new(isa: Isa, inputs: usize, weights: &[&[f32]], epilogue: Option<Epilogue>) -> Self {
        let panel = isa.panel();
        let rows = weights.iter().flat_map(|w| w.chunks_exact(inputs));
        let mut packed = Buffer::zeroed(rows.clone().count() * inputs);
        for (output, row) in rows.enumerate() {
            for (input, &weight) in row.iter().enumerate() {
                packed[(output / panel * inputs + input) * panel + output % panel] = weight;
            }
        }
        Self {
            inputs,
            weights: packed,
            epilogue,
        }
    }

    /// Computes every pixel.
    pub fn run(&self, isa: Isa, crew: Crew, input: View<&[f32]>, output: View<&mut [f32]>) {
        let (pixels, columns) = (input.shape().pixels(), output.channels());
        let strides = [input.pixel(), output.pixel()];
        let [from, to] = strides.map(|stride| PIXELS * stride);
        let blocks = input.data().chunks(from).zip(output.data().chunks_mut(to));
        let gemm = |(i, (a, c))| Gemm {
            b: &self.weights,
            depth: self.inputs,
            strides,
            epilogue: self.epilogue.as_ref(),
            products: vec![Product::new(a, c, PIXELS.min(pixels - i * PIXELS))],
        };
        let mut gemms: Vec<_> = blocks.enumerate().map(gemm).collect();
        multiply(isa, crew, columns, &mut gemms);
    }
}
