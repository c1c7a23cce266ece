//! Steps of training: losses and gradients.

use super::finding::Finding;
use super::{Options, Result};

#[cfg(not(feature = "libtorch"))]
pub(super) fn check(_: &Options, _: &mut dyn FnMut(Finding)) -> Result<()> {
    Ok(())
}

#[cfg(feature = "libtorch")]
pub(super) use with_libtorch::check;

#[cfg(feature = "libtorch")]
mod with_libtorch {
    use super::super::finding::Running;
    use super::super::inputs::clips;
    use super::*;
    use crate::engine::{ClipBatch, Device};
    use crate::recipe::Architecture;
    use crate::train::network::{self, Head, Input, Start, TrainedNetwork};
    use crate::train::{Arithmetic, Dropout, Position, Preset, Recipe, Tuned};
    use crate::weights::Weights;

    const SEGMENTS: usize = 4;
    const CLASSES: [usize; 2] = [1, 3];
    const RATE: f64 = 0.01;
    /// A loss and the norm of a gradient, before and after a step. Sums in another order make ReLUs and max pools choose
    /// otherwise, and the gradient jumps there: docs/training.md.
    const FLOAT32: [f64; 3] = [1e-4, 1e-2, 1e-2];
    const BFLOAT16: [f64; 3] = [2e-2, 0.2, 0.1];

    pub(in crate::check) fn check(options: &Options, found: &mut dyn FnMut(Finding)) -> Result<()> {
        for architecture in Architecture::ALL {
            let weights = Weights::made_up(architecture)?;
            for tune in [Tuned::Last, Tuned::All] {
                let recipe = |precision| Recipe {
                    tune,
                    precision,
                    batch: CLASSES.len(),
                    accumulate: 1,
                    dropout: Dropout {
                        frames: 0.0,
                        volume: 0.0,
                        head: 0.0,
                    },
                    ..Recipe::of(Preset::Small, architecture)
                };
                let on = |device, precision| run(&weights, recipe(precision), device);
                let expected = on(Device::Cpu, Arithmetic::Fp32)?;
                let mut compare = |precision: Arithmetic, limits: [f64; 3]| {
                    let what = format!("training, {architecture}, {tune}, {precision}");
                    let running = || Running::new(what.clone(), options.device);
                    let first = running();
                    match on(options.device, precision) {
                        Err(error) => found(first.says(error.to_string(), false)),
                        Ok(values) => {
                            let names = ["loss", "gradient", "second loss"];
                            let values = values.into_iter().zip(expected);
                            for ((name, limit), (value, expected)) in
                                names.into_iter().zip(limits).zip(values)
                            {
                                let difference = (value / expected - 1.0).abs();
                                found(first.clone().about(name).differs(difference, limit));
                            }
                        }
                    }
                };
                compare(Arithmetic::Fp32, FLOAT32);
                if options.device != Device::Cpu {
                    compare(Arithmetic::Bf16, BFLOAT16);
                }
            }
        }
        Ok(())
    }

    /// The loss and the norm of its gradient at the start, and the loss after a step.
    fn run(weights: &Weights, recipe: Recipe, device: Device) -> network::Result<[f64; 3]> {
        let start = Start {
            classes: 4,
            head: Head::New,
            segments: Some(SEGMENTS),
            recipe,
            device,
        };
        let mut network = TrainedNetwork::new(weights, start)?;
        let batch: ClipBatch = clips(CLASSES.len(), SEGMENTS);
        let mut step = |step| -> network::Result<[f64; 2]> {
            let at = Position { epoch: 0, step };
            let answer = network.accumulate(Input::Clips(&batch), &CLASSES, at)?;
            Ok([answer.loss, network.step(RATE)?.gradient_norm])
        };
        let [loss, gradient] = step(0)?;
        let [after, _] = step(1)?;
        Ok([loss, gradient, after])
    }
}
