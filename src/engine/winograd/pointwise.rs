//! 1x1 convolutions: matrix products on the activation as it lies.

use super::gemm::{Epilogue, Gemm};
use super::view::View;
use crate::engine::cpu::buffer::Buffer;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::threads::Crew;

/// One or more 1x1 convolutions of the same input, their output channels side by side.
pub(super) struct Pointwise {
    inputs: usize,
    /// Packed weights, `[panel][input][lane]`.
    weights: Buffer,
    epilogue: Option<Epilogue>,
}

/// Pixels per product: they stay in the first-level cache while the panels pass.
const PIXELS: usize = 64;

impl Pointwise {
    /// Packs weights given as `[outputs, inputs]` slices, one per convolution; `epilogue` is what follows.
    ///
    /// # Panics
    /// When they are not whole panels of outputs.
    pub(super) fn new(
        isa: Isa,
        crew: Crew,
        inputs: usize,
        weights: &[&[f32]],
        epilogue: Option<Epilogue>,
    ) -> Self {
        let panel = isa.panel();
        let rows: Vec<&[f32]> = weights
            .iter()
            .flat_map(|weights| weights.chunks_exact(inputs))
            .collect();
        assert!(rows.len().is_multiple_of(panel));
        let mut packed = Buffer::zeroed(rows.len() * inputs);
        crew.chunks(&mut packed, panel * inputs, |index, packed| {
            for (input, lanes) in packed.chunks_exact_mut(panel).enumerate() {
                for (lane, row) in lanes.iter_mut().zip(&rows[index * panel..]) {
                    *lane = row[input];
                }
            }
        });
        Self {
            inputs,
            weights: packed,
            epilogue,
        }
    }

    /// Computes every pixel.
    pub(super) fn run(&self, isa: Isa, crew: Crew, input: View<&[f32]>, output: View<&mut [f32]>) {
        let strides = [input.layout().strides[3], output.layout().strides[3]];
        let [from, to] = strides.map(|stride| PIXELS * stride);
        let (pixels, columns) = (input.shape().pixels(), output.channels());
        crew.chunks(output.data(), to, |i, c| {
            isa.run(Gemm {
                a: &input.data()[i * from..],
                b: &self.weights,
                c,
                rows: PIXELS.min(pixels - i * PIXELS),
                depth: self.inputs,
                columns,
                strides,
                add: false,
                epilogue: self.epilogue.as_ref(),
                next: self
                    .weights
                    .get(isa.panel() * self.inputs..)
                    .unwrap_or_default(),
            });
        });
    }
}
