//! From the plan of a network and its tensors to the compiled network.

use super::convolution::Convolution;
use super::filters;
use super::image::{DEPTH_CHANNELS, DEPTH_SIDE};
use super::kind::Kind;
use super::pointwise::Pointwise;
use super::pooling::AVERAGE;
use super::steps::{Layer, Program, Step};
use crate::engine::cpu::amx::Amx;
use crate::engine::cpu::epilogue::Epilogue;
use crate::engine::cpu::error::Error;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::tensors::Tensors;
use crate::engine::cpu::threads::Crew;
use crate::engine::error::Result;
use crate::engine::plan::{self, Operator, Part, Place, Plan, Then};
use crate::network::{Window, window};
use crate::weights::Weights;

/// The stem, which is computed as a 4x4 convolution of the space-to-depth image.
const STEM: Window = window(7).stride(2).padding(3);
const SAME: Window = window(3).padding(1);
const HALF: Window = window(3).stride(2).padding(1);
/// What a max pool after a convolution by tiles is like.
const MAX_POOL: Window = window(3).stride(2);

/// Compiles layers.
pub(super) struct Compiler<'a> {
    /// The instruction set to pack filters for.
    pub isa: Isa,
    /// The unit for matrices, if there is one.
    pub amx: Option<Amx>,
    /// The threads that share the work.
    pub pool: &'a rayon::ThreadPool,
    /// The tensors.
    pub tensors: Tensors<'a>,
}

impl<'a> Compiler<'a> {
    /// A compiler for the CPU at hand.
    pub(super) fn detect(pool: &'a rayon::ThreadPool, weights: &'a Weights) -> Self {
        Self {
            isa: Isa::detect(),
            amx: Amx::detect(),
            pool,
            tensors: Tensors(weights),
        }
    }
}

impl Compiler<'_> {
    /// Compiles a part of the network.
    ///
    /// # Errors
    /// Tensors that cannot be read, and a convolution that there is no kernel for.
    pub(super) fn program(&self, plan: &Plan) -> Result<Program> {
        let steps = plan.steps.iter().map(|step| self.step(step));
        Ok(Program {
            steps: steps.collect::<Result<_>>()?,
            buffers: plan.buffers,
            input: plan.input,
            outputs: plan.outputs.clone(),
        })
    }

    fn step(&self, step: &plan::Step) -> Result<Step> {
        let mut from = step.from;
        let layer = match &step.operator {
            Operator::Convolution {
                axes,
                window,
                parts,
                max_pool,
            } => {
                let no_kernel = || Error::NoKernel(parts[0].convolution.clone());
                let panel = self.isa.panel();
                if max_pool.is_some_and(|pool| pool != MAX_POOL)
                    || parts.iter().any(|part| !part.outputs.is_multiple_of(panel))
                {
                    return Err(no_kernel().into());
                }
                let kind = match (*axes, *window, from.extents) {
                    (2, STEM, _) if from.channels == 3 => Some(Kind::Stem),
                    (2, SAME, _) => Some(Kind::Plane),
                    (2, HALF, _) if max_pool.is_none() => Some(Kind::PlaneStride2),
                    // Tiles of 4x4 would leave too much of a small map unused.
                    (3, SAME, [_, ..8, _]) => Some(Kind::Volume2),
                    (3, SAME, _) => Some(Kind::Volume4),
                    (3, HALF, _) => Some(Kind::Stride2),
                    (2, window, _) if window == plan::POINTWISE && max_pool.is_none() => None,
                    _ => return Err(no_kernel().into()),
                };
                match kind {
                    None => self.pointwise(parts, from)?,
                    Some(kind) => {
                        let mut convolution = match kind {
                            Kind::Stem => self.stem(&parts[0])?,
                            kind => self.tiles(kind, parts, from.channels)?,
                        };
                        convolution.max_pool = max_pool.is_some();
                        if kind == Kind::Stem {
                            from = depth_image(from);
                        }
                        Layer::Tiles(convolution)
                    }
                }
            }
            Operator::MaxPool { window } => Layer::Max(*window),
            Operator::AveragePool { window, part } if *window == AVERAGE => {
                Layer::Average(self.tensors.epilogue(part)?)
            }
            Operator::AveragePool { part, .. } => {
                return Err(Error::NoKernel(part.convolution.clone()).into());
            }
        };
        Ok(Step {
            layer,
            from,
            to: step.to,
            raw: step.raw,
            residual: step.residual,
        })
    }

    /// The 7x7 stride-2 stem as a 4x4 convolution of the space-to-depth image, its eighth row and column zero.
    fn stem(&self, part: &Part) -> Result<Convolution> {
        let outputs = part.outputs;
        let weights = self.tensors.weight(part, 3 * 7 * 7)?;
        let mut regrouped = vec![0.0; outputs * 12 * 16];
        for (row, line) in weights.chunks_exact(7).enumerate() {
            let (output, colour, y) = (row / 21, row / 7 % 3, row % 7);
            for (x, &weight) in line.iter().enumerate() {
                let channel = (y % 2 * 2 + x % 2) * 3 + colour;
                regrouped[((output * 12 + channel) * 4 + y / 2) * 4 + x / 2] = weight;
            }
        }
        Ok(self.convolution(Kind::Stem, 12, &[&regrouped], self.tensors.epilogue(part)?))
    }

    /// Convolutions of one input, side by side.
    fn tiles(&self, kind: Kind, parts: &[Part], inputs: usize) -> Result<Convolution> {
        let [space, time] = kind.axes();
        let taps = time.taps * space.taps * space.taps;
        let weights = self.tensors.weights_of(parts, inputs * taps)?;
        let weights: Vec<&[f32]> = weights.iter().map(|weights| &**weights).collect();
        Ok(self.convolution(kind, inputs, &weights, self.tensors.side_by_side(parts)?))
    }

    fn convolution(
        &self,
        kind: Kind,
        inputs: usize,
        weights: &[&[f32]],
        epilogue: Epilogue,
    ) -> Convolution {
        let transform = || filters::transform(self.isa, Crew::All, kind, inputs, weights);
        let filters = self.pool.install(transform);
        self.tensors.0.release_pages();
        Convolution {
            kind,
            inputs,
            filters,
            epilogue,
            amx: self.amx.filter(|_| kind.suits_amx(inputs)),
            max_pool: false,
        }
    }

    /// 1x1 convolutions of one input, side by side.
    fn pointwise(&self, parts: &[Part], from: Place) -> Result<Layer> {
        let weights = self.tensors.weights_of(parts, from.channels)?;
        let weights: Vec<&[f32]> = weights.iter().map(|weights| &**weights).collect();
        let epilogue = match parts {
            [
                Part {
                    then: Then::Pool, ..
                },
            ] => None,
            parts => Some(self.tensors.side_by_side(parts)?),
        };
        let inputs = from.channels;
        let pack = || Pointwise::new(self.isa, Crew::All, inputs, &weights, epilogue);
        Ok(Layer::Pixels(self.pool.install(pack)))
    }
}

/// Where the space-to-depth image of a frame lies.
fn depth_image(frame: Place) -> Place {
    Place {
        width: DEPTH_CHANNELS,
        channels: DEPTH_CHANNELS,
        extents: [1, DEPTH_SIDE, DEPTH_SIDE],
        ..frame
    }
}
