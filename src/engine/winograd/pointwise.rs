//! 1x1 convolutions: matrix products on the activation as it lies.

use super::buffer::{Buffer, View};
use super::gemm::{Epilogue, Finish, Gemm};
use super::simd::Isa;
use super::threads::{Crew, share};

/// One or more 1x1 convolutions of the same input, their output channels side by side.
pub struct Pointwise {
    /// Input channels.
    pub inputs: usize,
    /// Packed weights, `[panel][input][lane]`.
    pub weights: Buffer,
    /// What follows the sum.
    pub epilogue: Epilogue,
}

/// What some of the output channels, whole panels, become: how many, where they go, and how far they are finished.
pub enum Part<'a> {
    /// With the epilogue.
    Finished(usize, View<'a>),
    /// Sums only.
    Raw(usize, View<'a>),
}

/// Pixels per product: they stay in the first-level cache while the panels pass.
const PIXELS: usize = 60;

impl Pointwise {
    /// Packs weights given as `[outputs, inputs]` slices, one per convolution.
    pub fn new(isa: Isa, inputs: usize, weights: &[&[f32]], epilogue: Epilogue) -> Self {
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
    pub unsafe fn run(&self, isa: Isa, crew: Crew, pixels: usize, input: View, parts: &[Part]) {
        let blocks = pixels.div_ceil(PIXELS);
        crew.each(blocks, |block| {
            let pixels = share(pixels, block, blocks);
            let mut first = 0;
            for part in parts {
                let (channels, output, finish) = match *part {
                    Part::Finished(channels, output) => {
                        (channels, output, Finish::Affine(&self.epilogue, first))
                    }
                    Part::Raw(channels, output) => (channels, output, Finish::Raw),
                };
                isa.run(Gemm {
                    rows: pixels.len(),
                    depth: self.inputs,
                    a: input.rows(pixels.start),
                    b: &self.weights[first * self.inputs..][..channels * self.inputs],
                    c: output.rows(pixels.start),
                    finish,
                });
                first += channels;
            }
        });
    }
}
