//! From the plan of a network and its tensors to the compiled network.

use super::amx::Amx;
use super::convolution::Convolution;
use super::error::Error;
use super::filters;
use super::gemm::Epilogue;
use super::head::Classifier;
use super::image::{DEPTH_CHANNELS, DEPTH_SIDE};
use super::kind::Kind;
use super::pointwise::Pointwise;
use super::pooling::AVERAGE;
use super::simd::Isa;
use super::steps::{Layer, Program, Step};
use super::threads::Crew;
use crate::engine::error::Result;
use crate::engine::plan::{self, Operator, Part, Place, Plan, Then};
use crate::network::{BATCH_NORM_EPSILON, Window, window};
use crate::weights::Weights;
use std::borrow::Cow;

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
    pub weights: &'a Weights,
}

impl<'a> Compiler<'a> {
    /// A compiler for the CPU at hand.
    pub(super) fn detect(pool: &'a rayon::ThreadPool, weights: &'a Weights) -> Self {
        Self {
            isa: Isa::detect(),
            amx: Amx::detect(),
            pool,
            weights,
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
                Layer::Average(self.epilogue(part)?)
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

    /// The linear layer called `name`, from `features` values to `classes`.
    ///
    /// # Errors
    /// Tensors that cannot be read.
    pub(super) fn classifier(
        &self,
        name: &str,
        [features, classes]: [usize; 2],
    ) -> Result<Classifier> {
        let read = |part: &str, len| self.tensor(&format!("{name}.{part}"), len);
        Ok(Classifier {
            weight: read("weight", classes * features)?.into_owned(),
            bias: read("bias", classes)?.into_owned(),
        })
    }

    /// The 7x7 stride-2 stem as a 4x4 convolution of the space-to-depth image, its eighth row and column zero.
    fn stem(&self, part: &Part) -> Result<Convolution> {
        let outputs = part.outputs;
        let weights = self.weight(part, 3 * 7 * 7)?;
        let mut regrouped = vec![0.0; outputs * 12 * 16];
        for (row, line) in weights.chunks_exact(7).enumerate() {
            let (output, colour, y) = (row / 21, row / 7 % 3, row % 7);
            for (x, &weight) in line.iter().enumerate() {
                let channel = (y % 2 * 2 + x % 2) * 3 + colour;
                regrouped[((output * 12 + channel) * 4 + y / 2) * 4 + x / 2] = weight;
            }
        }
        Ok(self.convolution(Kind::Stem, 12, &[&regrouped], self.epilogue(part)?))
    }

    /// Convolutions of one input, side by side.
    fn tiles(&self, kind: Kind, parts: &[Part], inputs: usize) -> Result<Convolution> {
        let [space, time] = kind.axes();
        let taps = time.taps * space.taps * space.taps;
        let weights = self.weights_of(parts, inputs * taps)?;
        let weights: Vec<&[f32]> = weights.iter().map(|weights| &**weights).collect();
        Ok(self.convolution(kind, inputs, &weights, self.side_by_side(parts)?))
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
        self.weights.release_pages();
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
        let weights = self.weights_of(parts, from.channels)?;
        let weights: Vec<&[f32]> = weights.iter().map(|weights| &**weights).collect();
        let epilogue = match parts {
            [
                Part {
                    then: Then::Pool, ..
                },
            ] => None,
            parts => Some(self.side_by_side(parts)?),
        };
        let inputs = from.channels;
        let pack = || Pointwise::new(self.isa, Crew::All, inputs, &weights, epilogue);
        Ok(Layer::Pixels(self.pool.install(pack)))
    }

    fn weights_of(&self, parts: &[Part], per_output: usize) -> Result<Vec<Cow<'_, [f32]>>> {
        parts
            .iter()
            .map(|part| self.weight(part, per_output))
            .collect()
    }

    fn weight(&self, part: &Part, per_output: usize) -> Result<Cow<'_, [f32]>> {
        self.tensor(
            &format!("{}.weight", part.convolution),
            part.outputs * per_output,
        )
    }

    fn side_by_side(&self, parts: &[Part]) -> Result<Epilogue> {
        let mut epilogue = Epilogue::default();
        for part in parts {
            epilogue.append(self.epilogue(part)?);
        }
        Ok(epilogue)
    }

    /// The bias of a convolution, then its batch norm as `x * scale + shift`, and ReLU.
    fn epilogue(&self, part: &Part) -> Result<Epilogue> {
        let outputs = part.outputs;
        let bias = self.tensor(&format!("{}.bias", part.convolution), outputs)?;
        let mut epilogue = Epilogue::bias(&bias);
        let Then::NormRelu(norm) = &part.then else {
            return Ok(epilogue);
        };
        let get = |name: &str| self.tensor(&format!("{norm}.{name}"), outputs);
        let (weight, bias) = (get("weight")?, get("bias")?);
        let (mean, variance) = (get("running_mean")?, get("running_var")?);
        for i in 0..outputs {
            let deviation = (f64::from(variance[i]) + BATCH_NORM_EPSILON).sqrt();
            let scale = f64::from(weight[i]) / deviation;
            epilogue.scale[i] = scale as f32;
            // The mean of a sum without the convolution's bias.
            let mean = f64::from(mean[i]) - f64::from(epilogue.bias[i]);
            epilogue.shift[i] = (f64::from(bias[i]) - mean * scale) as f32;
            epilogue.floor[i] = 0.0;
        }
        Ok(epilogue)
    }

    /// The float32 values of the tensor `name`, of which there are `expected`.
    fn tensor(&self, name: &str, expected: usize) -> Result<Cow<'_, [f32]>> {
        let values = self.weights.floats(name)?;
        if values.len() != expected {
            let (name, found) = (name.to_owned(), values.len());
            return Err(Error::Length {
                name,
                found,
                expected,
            }
            .into());
        }
        Ok(values)
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
