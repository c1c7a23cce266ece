//! From the plan of a network and its tensors to the compiled network.

use super::convolution::Convolution;
use super::grid::{CHANNELS, Grid};
use super::image;
use super::layout::{HALF, Layout, Place, Places};
use super::packing::pack;
use super::pooled::{MAX_POOL, Pooled};
use super::pooling::AVERAGE;
use super::program::{IMAGE_LINES, Layer, Program, Step};
use super::tiling::{Cut, Tiling};
use super::unit::PANEL;
use crate::engine::cpu::epilogue::Epilogue;
use crate::engine::cpu::error::Error;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::tensors::Tensors;
use crate::engine::cpu::threads::Crew;
use crate::engine::error::Result;
use crate::engine::plan::{self, Operator, POINTWISE, Part, Plan, Then};
use crate::network::{Window, window};

const STEM: Window = window(7).stride(2).padding(3);
const SAME: Window = window(3).padding(1);

/// Compiles layers.
pub(super) struct Compiler<'a> {
    /// The instruction set to pack filters with.
    pub isa: Isa,
    /// The threads that share the work.
    pub pool: &'a rayon::ThreadPool,
    /// The tensors.
    pub tensors: Tensors<'a>,
}

impl Compiler<'_> {
    /// Compiles a part of the network.
    ///
    /// # Errors
    /// Tensors that cannot be read, and a layer that there is no kernel for.
    pub(super) fn program(&self, plan: &Plan) -> Result<Program> {
        let layout = Layout::new(plan);
        let steps = plan.steps.iter().zip(&layout.steps);
        let steps = steps.map(|(step, places)| self.step(step, *places));
        let outputs: Option<Vec<Place>> = layout.outputs.iter().copied().collect();
        let lines = layout.memories.iter().map(|(_, grid)| grid.item());
        Ok(Program {
            steps: steps.collect::<Result<_>>()?,
            memories: lines.chain([IMAGE_LINES]).collect(),
            input: layout.input,
            outputs: outputs.ok_or_else(|| no_kernel("an output of the network's plan"))?,
        })
    }

    fn step(&self, step: &plan::Step, places: Places) -> Result<Step> {
        let name = match &step.operator {
            Operator::Convolution { parts, .. } => &*parts[0].convolution,
            Operator::AveragePool { part, .. } => &*part.convolution,
            Operator::MaxPool { .. } => "a max pool",
        };
        let no_kernel = || no_kernel(name);
        let to = places.to.ok_or_else(no_kernel)?;
        if places.raw.is_some() != step.raw.is_some()
            || places.residual.is_some() != step.residual.is_some()
        {
            return Err(no_kernel());
        }
        let layer = match (&step.operator, places.from) {
            (
                Operator::Convolution {
                    axes,
                    window,
                    parts,
                    max_pool,
                },
                from,
            ) => {
                if parts.iter().any(|part| !part.outputs.is_multiple_of(PANEL)) {
                    return Err(no_kernel());
                }
                let how = if max_pool.is_some() {
                    Cut::Rows
                } else {
                    Cut::Shortest
                };
                // What the convolution itself makes: the pool makes less of it.
                let grid = self.made(*window, step.from, to.part.grid, max_pool.is_some());
                let tiling = match (*axes, *window, from) {
                    (2, STEM, None) if is_image(step.from) => Tiling::stem(grid),
                    (2, POINTWISE | SAME | HALF, Some(from)) | (3, SAME | HALF, Some(from)) => {
                        Tiling::new(*axes, *window, from.part, grid, how)
                    }
                    _ => return Err(no_kernel()),
                };
                let is_wide = matches!(*window, STEM | POINTWISE);
                let convolution = match *window {
                    STEM => self.stem(&parts[0], tiling)?,
                    _ => {
                        let taps = window.kernel.pow(u32::try_from(*axes).unwrap_or(2));
                        let inputs = step.from.channels;
                        self.convolution(parts, [inputs, taps], tiling, is_wide)?
                    }
                };
                match max_pool {
                    None => Layer::Convolution(convolution),
                    Some(MAX_POOL) if step.raw.is_none() && step.residual.is_none() => {
                        Layer::Pooled(Pooled::new(convolution, grid))
                    }
                    Some(_) => return Err(no_kernel()),
                }
            }
            (Operator::MaxPool { window }, Some(_)) => Layer::Max(*window),
            (Operator::AveragePool { window, part }, Some(_)) if *window == AVERAGE => {
                Layer::Average(self.tensors.epilogue(part)?)
            }
            _ => return Err(no_kernel()),
        };
        Ok(Step {
            layer,
            from: places.from,
            to,
            raw: places.raw,
            residual: places.residual,
        })
    }

    /// The grid of what a convolution makes, which a max pool may follow.
    fn made(&self, window: Window, from: plan::Place, to: Grid, is_pooled: bool) -> Grid {
        if !is_pooled {
            return to;
        }
        let [frames, height, width] = from.extents;
        let extent =
            |extent: usize| (extent + 2 * window.padding - window.kernel) / window.stride + 1;
        Grid {
            extents: [frames, extent(height), extent(width)],
            ..to
        }
    }

    /// Convolutions of one input, side by side.
    fn convolution(
        &self,
        parts: &[Part],
        [inputs, taps]: [usize; 2],
        tiling: Tiling,
        is_wide: bool,
    ) -> Result<Convolution> {
        let weights = self.tensors.weights_of(parts, inputs * taps)?;
        let weights: Vec<&[f32]> = weights.iter().map(|weights| &**weights).collect();
        let epilogue = match parts {
            [
                Part {
                    then: Then::Pool,
                    outputs,
                    ..
                },
            ] => Epilogue::bias(&vec![0.0; *outputs]),
            parts => self.tensors.side_by_side(parts)?,
        };
        Ok(self.packed([inputs, taps], &weights, tiling, epilogue, is_wide))
    }

    /// The 7x7 stem: its rows are steps, and a row's taps and colours are the numbers of one.
    fn stem(&self, part: &Part, tiling: Tiling) -> Result<Convolution> {
        let weights = self.tensors.weight(part, 3 * image::TAPS * image::TAPS)?;
        let epilogue = self.tensors.epilogue(part)?;
        let weights = image::regrouped(&weights);
        Ok(self.packed([CHANNELS, image::TAPS], &[&weights], tiling, epilogue, true))
    }

    fn packed(
        &self,
        [inputs, taps]: [usize; 2],
        weights: &[&[f32]],
        tiling: Tiling,
        epilogue: Epilogue,
        is_wide: bool,
    ) -> Convolution {
        let pack = || pack(self.isa, Crew::All, inputs, taps, weights);
        let filters = self.pool.install(pack);
        self.tensors.0.release_pages();
        Convolution::new(tiling, filters, epilogue, is_wide)
    }
}

/// Whether these are the frames that go into the network.
fn is_image(place: plan::Place) -> bool {
    use crate::recipe::{CHANNELS, FRAME_SIZE};
    place.width == CHANNELS && place.extents == [1, FRAME_SIZE, FRAME_SIZE]
}

fn no_kernel(name: &str) -> crate::engine::error::Error {
    Error::NoKernel(name.to_owned()).into()
}
