//! The 2-D net: frames to maps.

use super::compile::Compiler;
use super::convolution::Scratch;
use super::grid::Part;
use super::hands::Hands;
use super::image;
use super::numbers::numbers;
use super::program::{Memory, Program};
use super::unit::Unit;
use crate::engine::cpu::buffer::LINE;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::threads::PerThread;
use crate::engine::error::Result;
use crate::engine::interface::FRAME_LEN;
use crate::engine::plan::Plans;
use rayon::prelude::*;

/// The compiled 2-D net.
pub(super) struct FrameNet<U> {
    unit: U,
    isa: Isa,
    threads: usize,
    /// Up to the map.
    frames: Program,
    /// In ECO-Full, what comes after it.
    tail: Option<Program>,
    /// Activations of each thread.
    per_thread: PerThread<Memory>,
}

/// Activations of what all threads compute together.
#[derive(Default)]
pub(super) struct FrameMemory {
    frames: Memory,
    tail: Memory,
}

/// Where the lines go that are made of a frame.
struct Target<'a> {
    map: &'a mut [f32],
    /// What the tail reads.
    rest: Option<&'a mut [f32]>,
}

/// Frames that pass through the tail together, or a few more where that suits the number of threads: a clip is so many.
const TAIL_FRAMES: usize = 16;

impl<U: Unit> FrameNet<U> {
    /// Compiles the plans of frames, for as many threads as the compiler has.
    ///
    /// # Errors
    /// Tensors that cannot be read, and a layer that there is no kernel for.
    pub(super) fn compile(unit: U, compiler: &Compiler<'_>, plans: &Plans) -> Result<Self> {
        let threads = compiler.pool.current_num_threads();
        Ok(Self {
            unit,
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

    /// Where the map of a frame lies.
    pub(super) fn map(&self) -> Part {
        self.frames.outputs[0].part
    }

    /// Values that the tail makes of a frame.
    pub(super) fn pooled(&self) -> usize {
        let outputs = |tail: &Program| tail.outputs[0].part.chunks * 2 * LINE;
        self.tail.as_ref().map_or(0, outputs)
    }

    /// Makes the maps of some frames, a slice of lines each, and what the tail makes of each.
    pub(super) fn run(
        &self,
        input: &[f32],
        maps: Vec<&mut [f32]>,
        pooled: &mut [f32],
        crew: &PerThread<Scratch>,
        memory: &mut FrameMemory,
    ) {
        let Some(tail) = &self.tail else {
            let target = |map| Target { map, rest: None };
            let targets = maps.into_iter().map(target).collect();
            return self.run_frames(input, targets, crew, &mut memory.frames);
        };
        let group = TAIL_FRAMES.next_multiple_of(self.threads);
        let features = self.pooled();
        let mut maps = maps.into_iter();
        let groups = input.chunks(group * FRAME_LEN);
        for (input, pooled) in groups.zip(pooled.chunks_mut(group * features)) {
            let frames = input.len() / FRAME_LEN;
            let rest = tail.input(frames, &mut memory.tail);
            let rest = rest.chunks_exact_mut(rest.len() / frames).map(Some);
            let targets = maps
                .by_ref()
                .zip(rest)
                .map(|(map, rest)| Target { map, rest });
            self.run_frames(input, targets.collect(), crew, &mut memory.frames);
            let mut hands = Hands::All(crew);
            tail.run(self.unit, self.isa, &mut hands, frames, &mut memory.tail);
            let (lines, place) = tail.output(0, &memory.tail);
            for (frame, pooled) in pooled.chunks_exact_mut(features).enumerate() {
                pooled.copy_from_slice(&mean(lines, place.part, frame));
            }
        }
    }

    /// Makes the maps of some frames, and what the tail reads if there is one.
    fn run_frames(
        &self,
        input: &[f32],
        mut targets: Vec<Target<'_>>,
        crew: &PerThread<Scratch>,
        memory: &mut Memory,
    ) {
        let frames = targets.len();
        // A frame per thread needs no waiting; the frames that are left over are shared.
        let split = frames - frames % self.threads;
        let mut left = targets.split_off(split);
        let (input, last_input) = input.split_at(split * FRAME_LEN);
        targets
            .into_par_iter()
            .zip(input.par_chunks_exact(FRAME_LEN))
            .with_max_len(1)
            .for_each(|(mut target, frame)| {
                let target = std::slice::from_mut(&mut target);
                self.per_thread.with(|memory| {
                    crew.with(|scratch| {
                        self.run_hands(Hands::Alone(scratch), frame, target, memory);
                    });
                });
            });
        if !left.is_empty() {
            self.run_hands(Hands::All(crew), last_input, &mut left, memory);
        }
    }

    fn run_hands(
        &self,
        mut hands: Hands<'_, Scratch>,
        frames: &[f32],
        targets: &mut [Target<'_>],
        memory: &mut Memory,
    ) {
        let items = targets.len();
        let images = self.frames.input(items, memory);
        let images = images.chunks_exact_mut(image::WORDS);
        for (frame, image) in frames.chunks_exact(FRAME_LEN).zip(images) {
            image::interleave(self.isa, frame, image);
        }
        self.frames
            .run(self.unit, self.isa, &mut hands, items, memory);
        for (item, target) in targets.iter_mut().enumerate() {
            let copy = |output: usize, to: &mut [f32]| {
                let (lines, place) = self.frames.output(output, memory);
                let start = place.part.grid.start([item, 0, 0]) * LINE;
                to.copy_from_slice(&lines[start..][..to.len()]);
            };
            copy(0, target.map);
            if let Some(rest) = &mut target.rest {
                copy(1, rest);
            }
        }
    }
}

/// The mean of each channel over the pixels and frames of an item.
pub(super) fn mean(lines: &[f32], part: Part, item: usize) -> Vec<f32> {
    let [frames, height, width] = part.grid.extents;
    let mut sums = vec![0.0; part.chunks * 2 * LINE];
    for frame in 0..frames {
        for (chunk, sums) in sums.chunks_exact_mut(2 * LINE).enumerate() {
            let (pairs, _) = sums.as_chunks_mut();
            let start = part.start([item, frame, chunk]);
            for y in 0..height {
                let row = (start + part.grid.pixel(y, 0)) * LINE;
                for line in lines[row..][..width * LINE].chunks_exact(LINE) {
                    for (&word, [lower, upper]) in line.iter().zip(&mut *pairs) {
                        let numbers = numbers(word);
                        *lower += numbers[0];
                        *upper += numbers[1];
                    }
                }
            }
        }
    }
    let count = (frames * height * width) as f32;
    sums.iter_mut().for_each(|sum| *sum /= count);
    sums
}
