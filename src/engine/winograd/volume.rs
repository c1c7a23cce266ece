//! The 3-D network: the maps of a clip's frames to 512 features.

use super::buffer::{Buffer, View};
use super::convolution::{Convolution, Job, Output, Shape};
use super::frames::{MAP, MAP_CHANNELS};
use super::simd::Isa;
use super::threads::Crew;

/// Features per clip.
pub const FEATURES: usize = 512;
/// How many input frames become one at the end.
pub const STEP: usize = 4;

/// The 3-D network.
pub struct VolumeNet {
    /// res3a_2, res3b_1, res3b_2.
    pub res3: [Convolution; 3],
    /// res4 and res5.
    pub stages: [Stage; 2],
}

/// A residual stage that halves every extent.
pub struct Stage {
    /// `a_1` (batch norm, ReLU) and the shortcut `a_down` (neither) side by side.
    pub halve: Convolution,
    /// `a_2`, `b_1`, `b_2`.
    pub rest: [Convolution; 3],
}

/// Working memory.
#[derive(Default)]
pub struct Memory {
    inputs: Buffer,
    products: Buffer,
    /// Activations of res3: one to work in, the shortcut, and what goes on. The first one starts as the input.
    res3: [Buffer; 3],
    /// The same for the stages.
    stages: [[Buffer; 3]; 2],
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
        self.res3[0].reserve(frames * MAP * MAP * CHANNELS);
        View::dense(self.res3[0].span(), [1, MAP, MAP], MAP_CHANNELS)
    }
}

/// Channels of res3.
const CHANNELS: usize = 128;

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
            inputs,
            products,
            res3,
            stages,
        } = memory;
        let mut scratch = [inputs, products];
        let mut shape = Shape {
            items: clips,
            frames: segments,
            height: MAP,
            width: MAP,
        };
        let size = |shape: Shape, channels| {
            shape.items * shape.frames * shape.height * shape.width * channels
        };
        let dims = |shape: Shape| [shape.frames, shape.height, shape.width];

        let [work, raw, on] = res3.each_mut().map(|buffer| {
            buffer.reserve(size(shape, CHANNELS));
            buffer.span()
        });
        let view = |span| View::dense(span, dims(shape), CHANNELS);
        let (maps, work, raw, mut on) = (
            View::dense(work, dims(shape), MAP_CHANNELS),
            view(work),
            view(raw),
            view(on),
        );
        let [a, b1, b2] = &self.res3;
        // SAFETY: dense views of this shape in buffers reserved for it; no step writes what it reads, but for the
        // residual, which is read where the same pixel is written.
        unsafe {
            a.whole(
                context,
                shape,
                maps,
                Output {
                    activation: on,
                    raw: Some(raw),
                    residual: None,
                },
                &mut scratch,
            );
            b1.whole(context, shape, on, Output::activation(work), &mut scratch);
            b2.whole(
                context,
                shape,
                work,
                Output {
                    activation: on,
                    raw: None,
                    residual: Some(raw),
                },
                &mut scratch,
            );
        }
        for (stage, buffers) in self.stages.iter().zip(stages) {
            let out = stage.halve.output_shape(shape);
            let channels = stage.halve.outputs / 2;
            let [pair, raw, next] = buffers;
            pair.reserve(size(out, 2 * channels));
            raw.reserve(size(out, channels));
            next.reserve(size(out, channels));
            let pair = View::dense(pair.span(), dims(out), 2 * channels);
            let [raw, next] =
                [raw, next].map(|buffer| View::dense(buffer.span(), dims(out), channels));
            let shortcut = pair.skip(channels);
            let [a, b1, b2] = &stage.rest;
            // SAFETY: as above.
            unsafe {
                stage
                    .halve
                    .whole(context, shape, on, Output::activation(pair), &mut scratch);
                let sum = Output {
                    activation: next,
                    raw: Some(raw),
                    residual: Some(shortcut),
                };
                a.whole(context, out, pair, sum, &mut scratch);
                b1.whole(context, out, next, Output::activation(pair), &mut scratch);
                let sum = Output {
                    activation: next,
                    raw: None,
                    residual: Some(raw),
                };
                b2.whole(context, out, pair, sum, &mut scratch);
            }
            (shape, on) = (out, next);
        }
        // SAFETY: the last activation is complete and nobody writes it any more.
        let last = unsafe { on.span.slice_mut(0, size(shape, FEATURES)) };
        last.chunks_exact(size(Shape { items: 1, ..shape }, FEATURES))
            .flat_map(mean)
            .collect()
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
        scratch: &mut [&mut Buffer; 2],
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
            let range = block * tiles / blocks..(block + 1) * tiles / blocks;
            // SAFETY: blocks are disjoint and run one after the other; the rest is the caller's contract.
            unsafe { self.run(context.isa, context.crew, &job, range, spans) };
        }
    }
}
