//! The 3-D network: the maps of a clip's frames to 512 features.

use super::buffer::{Buffer, View};
use super::convolution::{Convolution, Job, Output, Shape};
use super::frames::{MAP, MAP_CHANNELS, MAP_SIZE};
use super::simd::Isa;
use super::threads::{Crew, share};

/// Features per clip.
pub const FEATURES: usize = 512;
/// How many input frames become one at the end.
pub const STEP: usize = 4;

/// The 3-D network: res3, res4 and res5.
pub struct VolumeNet {
    /// In their order.
    pub stages: [Stage; 3],
}

/// A residual stage.
pub struct Stage {
    /// `a_1` (batch norm, ReLU) and the shortcut `a_down` (neither) side by side, where the stage halves every extent.
    pub halve: Option<Convolution>,
    /// `a_2`, `b_1`, `b_2`.
    pub rest: [Convolution; 3],
}

/// Working memory.
#[derive(Default)]
pub struct Memory {
    /// Transformed inputs and products.
    scratch: [Buffer; 2],
    /// The network's input.
    maps: Buffer,
    /// Activations per stage: one to work in, the raw sum that becomes the second residual, and what goes on.
    stages: [[Buffer; 3]; 3],
}

/// Floats of transformed inputs or products per block of tiles. They are written and read once each, between reading
/// all the filters: fewer blocks read the filters less often, larger ones leave the last-level cache.
const BLOCK: usize = 4 << 20;

/// What a run needs besides the weights.
#[derive(Clone, Copy)]
pub struct Context {
    /// The instruction set the filters are packed for.
    pub isa: Isa,
    /// Who shares the work.
    pub crew: Crew,
}

impl Memory {
    /// Makes room for the maps of `frames` frames, the network's input.
    pub fn maps(&mut self, frames: usize) -> View<'_> {
        self.maps.reserve(frames * MAP_SIZE);
        View::dense(self.maps.span(), [1, MAP, MAP], MAP_CHANNELS)
    }
}

impl VolumeNet {
    /// Runs `clips` clips of `segments` frames, whose maps lie in [`Memory::maps`]; features `[clips, 512]`.
    pub fn run(
        &self,
        context: Context,
        clips: usize,
        segments: usize,
        memory: &mut Memory,
    ) -> Vec<f32> {
        let Memory {
            scratch,
            maps,
            stages,
        } = memory;
        let mut shape = Shape {
            items: clips,
            frames: segments,
            height: MAP,
            width: MAP,
        };
        let mut on = View::dense(maps.span(), shape.dims(), MAP_CHANNELS);
        for (stage, buffers) in self.stages.iter().zip(stages) {
            // SAFETY: `on` is an activation of this shape, complete, and lies in no buffer of this stage.
            (on, shape) = unsafe { stage.run(context, shape, on, buffers, scratch) };
        }
        // SAFETY: the last activation is complete and nobody writes it any more.
        let last = unsafe { on.span.slice_mut(0, shape.pixels() * FEATURES) };
        last.chunks_exact(shape.pixels() / clips * FEATURES)
            .flat_map(mean)
            .collect()
    }
}

impl Stage {
    /// Runs the stage on an activation of `shape`; its output and the shape of that.
    ///
    /// # Safety
    /// The input lies outside `buffers`, and nobody writes it meanwhile.
    unsafe fn run<'a>(
        &self,
        context: Context,
        shape: Shape,
        input: View<'a>,
        [work, raw, next]: &'a mut [Buffer; 3],
        scratch: &mut [Buffer; 2],
    ) -> (View<'a>, Shape) {
        let [a, b1, b2] = &self.rest;
        let channels = a.outputs;
        // What halves makes two outputs side by side.
        let (out, width) = match &self.halve {
            Some(halve) => (halve.output_shape(shape), halve.outputs),
            None => (shape, channels),
        };
        let dense = |buffer: &'a mut Buffer, channels| {
            buffer.reserve(out.pixels() * channels);
            View::dense(buffer.span(), out.dims(), channels)
        };
        let (work, raw, next) = (
            dense(work, width),
            dense(raw, channels),
            dense(next, channels),
        );
        let sum = |raw, residual| Output {
            activation: next,
            raw,
            residual,
        };
        // SAFETY: dense views of this shape in buffers reserved for it; no step writes what it reads, but for the
        // residual, which is read where the same pixel is written.
        unsafe {
            let (from, shortcut) = match &self.halve {
                Some(halve) => {
                    halve.whole(context, shape, input, Output::activation(work), scratch);
                    (work, Some(work.skip(channels)))
                }
                None => (input, None),
            };
            a.whole(context, out, from, sum(Some(raw), shortcut), scratch);
            b1.whole(context, out, next, Output::activation(work), scratch);
            b2.whole(context, out, work, sum(None, Some(raw)), scratch);
        }
        (next, out)
    }
}

/// Mean over the pixels of `[pixels, 512]`.
fn mean(clip: &[f32]) -> [f32; FEATURES] {
    let mut sums = [0.0; FEATURES];
    for pixel in clip.chunks_exact(FEATURES) {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += value;
        }
    }
    sums.map(|sum| sum / (clip.len() / FEATURES) as f32)
}

impl Convolution {
    /// Computes every tile, block by block, each phase of a block shared by the crew.
    ///
    /// # Safety
    /// The views hold the extents of the shape and of [`Convolution::output_shape`]; nobody else uses them.
    unsafe fn whole(
        &self,
        context: Context,
        shape: Shape,
        input: View,
        output: Output,
        scratch: &mut [Buffer; 2],
    ) {
        let [down, across, _] = self.grid(shape);
        let tiles = shape.items * down * across;
        let most = self.scratch(shape, 1).map(|floats| (BLOCK / floats).max(1));
        let blocks = tiles.div_ceil(most[0].min(most[1]));
        let need = self.scratch(shape, tiles.div_ceil(blocks));
        let [v, m] = scratch;
        v.reserve(need[0]);
        m.reserve(need[1]);
        let spans = [v.span(), m.span()];
        let job = Job {
            input,
            shape,
            output,
        };
        for block in 0..blocks {
            let range = share(tiles, block, blocks);
            // SAFETY: blocks are disjoint and run one after the other; the rest is the caller's contract.
            unsafe { self.run(context.isa, context.crew, &job, range, spans) };
        }
    }
}
