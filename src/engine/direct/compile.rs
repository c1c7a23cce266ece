//! From the plan of a network and its tensors to the compiled network.

use super::convolution::Convolution;
use super::grid::{CHANNELS, Grid};
use super::image;
use super::layout::{HALF, Layout, Place, Places};
use super::packing::{pack, packed_len};
use super::pooled::{MAX_POOL, Pooled};
use super::pooling::AVERAGE;
use super::program::{IMAGE_LINES, Layer, Program, Step};
use super::tiling::{Cut, Tiling};
use super::unit::PANEL;
use crate::engine::cpu::buffer::Buffer;
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
        let mut filters = Buffer::in_large_pages(plan.steps.iter().map(filters_len).sum());
        let (mut steps, mut end) = (Vec::new(), 0);
        // Whether nothing that lies in a memory has a sign. Of what was not made here it isn't known.
        let mut positive = vec![true; layout.memories.len()];
        if let Some(input) = layout.input {
            positive[input.memory] = false;
        }
        for (step, places) in plan.steps.iter().zip(&layout.steps) {
            let range = end..end + filters_len(step);
            end = range.end;
            let mut layer = self.layer(step, *places, &mut filters[range.clone()])?;
            let to = places.to.ok_or_else(|| no_kernel(name(step)))?;
            if let (Layer::Max(_, is_positive), Some(from)) = (&mut layer, places.from) {
                *is_positive = positive[from.memory];
            }
            positive[to.memory] &= layer.is_positive();
            if let Some(raw) = places.raw {
                positive[raw.memory] = false;
            }
            steps.push(Step {
                layer,
                filters: range,
                from: places.from,
                to,
                raw: places.raw,
                residual: places.residual,
            });
        }
        let outputs: Option<Vec<Place>> = layout.outputs.iter().copied().collect();
        let lines = layout.memories.iter().map(|(_, grid)| grid.item());
        Ok(Program {
            steps,
            filters,
            memories: lines.chain([IMAGE_LINES]).collect(),
            input: layout.input,
            outputs: outputs.ok_or_else(|| no_kernel("an output of the network's plan"))?,
        })
    }

    /// The layer of a step. Its filters are packed in `filters`.
    fn layer(&self, step: &plan::Step, places: Places, filters: &mut [f32]) -> Result<Layer> {
        let no_kernel = || no_kernel(name(step));
        let to = places.to.ok_or_else(no_kernel)?;
        if places.raw.is_some() != step.raw.is_some()
            || places.residual.is_some() != step.residual.is_some()
        {
            return Err(no_kernel());
        }
        Ok(match (&step.operator, places.from) {
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
                    STEM => self.stem(&parts[0], tiling, filters)?,
                    _ => {
                        let taps = taps(*window, *axes);
                        let inputs = step.from.channels;
                        self.convolution(parts, [inputs, taps], tiling, is_wide, filters)?
                    }
                };
                match max_pool {
                    None => Layer::Convolution(convolution),
                    Some(MAX_POOL) if step.raw.is_none() && step.residual.is_none() => {
                        Layer::Pooled(Pooled::new(convolution, grid).ok_or_else(no_kernel)?)
                    }
                    Some(_) => return Err(no_kernel()),
                }
            }
            (Operator::MaxPool { window }, Some(_)) => Layer::Max(*window, false),
            (Operator::AveragePool { window, part }, Some(_)) if *window == AVERAGE => {
                Layer::Average(self.tensors.epilogue(part)?)
            }
            _ => return Err(no_kernel()),
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
        filters: &mut [f32],
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
        self.pack([inputs, taps], &weights, filters);
        Ok(Convolution::new(tiling, epilogue, is_wide))
    }

    /// The 7x7 stem: its rows are steps, and a row's taps and colours are the numbers of one.
    fn stem(&self, part: &Part, tiling: Tiling, filters: &mut [f32]) -> Result<Convolution> {
        let weights = self.tensors.weight(part, 3 * image::TAPS * image::TAPS)?;
        let epilogue = self.tensors.epilogue(part)?;
        let weights = image::regrouped(&weights);
        self.pack([CHANNELS, image::TAPS], &[&weights], filters);
        Ok(Convolution::new(tiling, epilogue, true))
    }

    fn pack(&self, sizes: [usize; 2], weights: &[&[f32]], filters: &mut [f32]) {
        self.pool
            .install(|| pack(self.isa, Crew::All, sizes, weights, filters));
        self.tensors.0.release_pages();
    }
}

/// The name of a step, for errors.
fn name(step: &plan::Step) -> &str {
    match &step.operator {
        Operator::Convolution { parts, .. } => &parts[0].convolution,
        Operator::AveragePool { part, .. } => &part.convolution,
        Operator::MaxPool { .. } => "a max pool",
    }
}

/// Words of a step's filters, packed.
fn filters_len(step: &plan::Step) -> usize {
    let Operator::Convolution {
        axes,
        window,
        parts,
        ..
    } = &step.operator
    else {
        return 0;
    };
    let outputs = parts.iter().map(|part| part.outputs).sum();
    match *window {
        STEM => packed_len(outputs, CHANNELS, image::TAPS),
        window => packed_len(outputs, step.from.channels, taps(window, *axes)),
    }
}

/// Taps of a filter along so many axes.
fn taps(window: Window, axes: usize) -> usize {
    (0..axes).map(|_| window.kernel).product()
}

/// Whether these are the frames that go into the network.
fn is_image(place: plan::Place) -> bool {
    use crate::recipe::{CHANNELS, FRAME_SIZE};
    place.width == CHANNELS && place.extents == [1, FRAME_SIZE, FRAME_SIZE]
}

fn no_kernel(name: &str) -> crate::engine::error::Error {
    Error::NoKernel(name.to_owned()).into()
}
