//! 1x1 convolutions: matrix products on the activation as it lies.

use super::buffer::Buffer;
use super::gemm::{Epilogue, Gemm};
use super::simd::Isa;
use super::threads::{Crew, share};
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

    /// Computes `pixels` pixels of dense views.
    ///
    /// # Safety
    /// The views hold `pixels` pixels, the output's belong to this call alone and nobody writes the input's meanwhile.
    pub unsafe fn run(&self, isa: Isa, crew: Crew, pixels: usize, input: View, output: View) {
        let blocks = pixels.div_ceil(PIXELS);
        crew.grid([blocks, 1], |range, _| {
            for block in range {
                let pixels = share(pixels, block, blocks);
                let [from, to] = [input, output].map(|view| view.pixel(pixels.start));
                isa.run(Gemm {
                    places: &[[from, to, pixels.len()]],
                    depth: self.inputs,
                    a: (input.span, input.strides[0]),
                    b: &self.weights,
                    c: (output.span, output.strides[0]),
                    epilogue: self.epilogue.as_ref(),
                });
            }
        });
    }
}
