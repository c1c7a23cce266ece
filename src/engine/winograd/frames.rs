//! The 2D net: frames to maps.

use super::compile::Compiler;
use super::image::{DEPTH_FRAME, space_to_depth};
use super::steps::{Memory, Program};
use crate::engine::cpu::head::mean;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::threads::{Crew, PerThread};
use crate::engine::error::Result;
use crate::engine::interface::FRAME_LEN;
use crate::engine::plan::Plans;
use rayon::prelude::*;

/// The compiled 2D net.
pub(super) struct FrameNet {
    isa: Isa,
    threads: usize,
    /// Up to the map.
    pub(super) frames: Program,
    /// In ECO-Full, what comes after it.
    pub(super) tail: Option<Program>,
    /// Working memory of each thread.
    per_thread: PerThread<Memory>,
}

/// Working memory of what all threads do together.
#[derive(Default)]
pub(super) struct FrameMemory {
    frames: Memory,
    tail: Memory,
}

/// Frames that pass through the tail together, or a few more where that suits the number of threads: a clip is so many.
const TAIL_FRAMES: usize = 16;

impl FrameNet {
    /// Compiles the plans of frames, for as many threads as the compiler has.
    ///
    /// # Errors
    /// Tensors that cannot be read, and a convolution that there is no kernel for.
    pub(super) fn compile(compiler: &Compiler<'_>, plans: &Plans) -> Result<Self> {
        let threads = compiler.pool.current_num_threads();
        Ok(Self {
            isa: compiler.isa,
            threads,
            frames: compiler.program(&plans.frames)?,
            tail: match &plans.tail {
                Some(tail) => Some(compiler.program(tail)?),
                None => None,
            },
            per_thread: (0..threads).map(|_| Memory::default()).collect(),
        })
    }

    /// Values of one frame: its map, and what the tail makes of it.
    pub(super) fn lens(&self) -> [usize; 2] {
        let tail = self.tail.as_ref();
        [
            self.frames.output_len(0),
            tail.map_or(0, |tail| tail.outputs[0].channels),
        ]
    }

    /// Makes the maps of some frames, and what the tail makes of each.
    pub(super) fn run(
        &self,
        input: &[f32],
        maps: &mut [f32],
        pooled: &mut [f32],
        memory: &mut FrameMemory,
    ) {
        let Some(tail) = &self.tail else {
            return self.run_frames(input, maps, &mut [], &mut memory.frames);
        };
        let [map, features] = self.lens();
        let group = TAIL_FRAMES.next_multiple_of(self.threads);
        let inputs = input.chunks(group * FRAME_LEN);
        let outputs = maps
            .chunks_mut(group * map)
            .zip(pooled.chunks_mut(group * features));
        for (input, (maps, pooled)) in inputs.zip(outputs) {
            let frames = input.len() / FRAME_LEN;
            let room = memory.tail.input(frames * tail.input_len());
            self.run_frames(input, maps, room, &mut memory.frames);
            tail.run(self.isa, Crew::All, frames, &mut memory.tail);
            let last = tail.output(0, frames, &mut memory.tail);
            let last = last.chunks_exact(tail.output_len(0));
            for (pooled, pixels) in pooled.chunks_exact_mut(features).zip(last) {
                pooled.copy_from_slice(&mean(pixels, features));
            }
        }
    }

    /// Makes the maps of some frames, and the inputs of the tail if there is one.
    fn run_frames(&self, input: &[f32], maps: &mut [f32], rest: &mut [f32], memory: &mut Memory) {
        let frames = input.len() / FRAME_LEN;
        // A frame per thread needs no waiting; the frames that are left over are shared.
        let split = frames - frames % self.threads;
        let (input, last_input) = input.split_at(split * FRAME_LEN);
        let (maps, last_maps) = maps.split_at_mut(split * (maps.len() / frames));
        let (rest, last_rest) = rest.split_at_mut(split * (rest.len() / frames));
        parts(maps, split)
            .zip(parts(rest, split))
            .zip(input.chunks_exact(FRAME_LEN))
            .collect::<Vec<_>>()
            .into_par_iter()
            .with_max_len(1)
            .for_each(|((map, rest), frame)| {
                let run = |memory: &mut _| self.run_crew(Crew::Alone, frame, map, rest, memory);
                self.per_thread.with(run);
            });
        if split < frames {
            self.run_crew(Crew::All, last_input, last_maps, last_rest, memory);
        }
    }

    /// Maps of some frames, `[n, 3, 224, 224]` to `[n, 28, 28, 96]`, and the inputs of the tail.
    pub(super) fn run_crew(
        &self,
        crew: Crew,
        frames: &[f32],
        maps: &mut [f32],
        rest: &mut [f32],
        memory: &mut Memory,
    ) {
        let items = frames.len() / FRAME_LEN;
        let images = memory
            .input(items * DEPTH_FRAME)
            .chunks_exact_mut(DEPTH_FRAME);
        for (frame, image) in frames.chunks_exact(FRAME_LEN).zip(images) {
            space_to_depth(frame, image);
        }
        self.frames.run(self.isa, crew, items, memory);
        maps.copy_from_slice(self.frames.output(0, items, memory));
        if self.tail.is_some() {
            rest.copy_from_slice(self.frames.output(1, items, memory));
        }
    }
}

/// Cuts a slice into parts of equal length, which may be zero.
pub(super) fn parts(data: &mut [f32], count: usize) -> impl Iterator<Item = &mut [f32]> {
    let len = data.len() / count.max(1);
    (0..count).scan(data, move |rest, _| {
        let part;
        (part, *rest) = std::mem::take(rest).split_at_mut(len);
        Some(part)
    })
}
