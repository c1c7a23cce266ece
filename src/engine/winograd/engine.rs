//! The compiled network, and how clips go through it.

use super::amx::Amx;
use super::compile::Compiler;
use super::error::Error;
use super::head::{Classifier, mean};
use super::image::{DEPTH_FRAME, space_to_depth};
use super::simd::Isa;
use super::steps::{Memory, Program};
use super::threads::{Crew, PerThread, pool, share};
use crate::engine::device::Device;
use crate::engine::error::Result;
use crate::engine::interface::{ClipBatch, Engine, EngineKind, FRAME_LEN, Maps, Output};
use crate::engine::plan::{Plans, Pooled};
use crate::network::Network;
use crate::weights::Weights;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// The compiled network.
pub struct Winograd {
    network: Network,
    pub(super) isa: Isa,
    pub(super) pool: rayon::ThreadPool,
    pub(super) frames: Program,
    pub(super) tail: Option<Program>,
    pub(super) volume: Program,
    features: Vec<Pooled>,
    classifier: Classifier,
    /// Working memory of each thread for frames.
    per_thread: PerThread<Memory>,
    /// The same for what all threads do together: the 2-D network, and the 3-D network.
    shared: Mutex<(In2d, Memory)>,
}

/// Working memory of the 2-D network.
#[derive(Default)]
struct In2d {
    frames: Memory,
    tail: Memory,
}

/// Clips that pass through the 3-D network together. More would take more memory and read the filters no less often.
const GROUP: usize = 4;
/// Frames that pass through the tail together, or a few more where that suits the number of threads: a clip is so many.
const TAIL_FRAMES: usize = 16;

impl Winograd {
    /// Compiles the network with the tensors of `weights`, for the CPU at hand and `threads` threads. The weights are not
    /// needed afterwards.
    ///
    /// # Errors
    /// Weights that cannot be read or do not fit, and threads that cannot be started.
    pub fn compile(network: Network, weights: &Weights, threads: usize) -> Result<Self> {
        let plans = Plans::new(&network.graph(1)?).map_err(Error::from)?;
        Self::planned(network, &plans, weights, threads)
    }

    /// The same by these plans of the network.
    pub(super) fn planned(
        network: Network,
        plans: &Plans,
        weights: &Weights,
        threads: usize,
    ) -> Result<Self> {
        let isa = Isa::detect();
        let threads = threads.max(1);
        let pool = pool(threads).map_err(|error| Error::Threads(error.to_string()))?;
        let compiler = Compiler {
            isa,
            amx: Amx::detect(),
            pool: &pool,
            weights,
        };
        Ok(Self {
            isa,
            frames: compiler.program(&plans.frames)?,
            tail: match &plans.tail {
                Some(tail) => Some(compiler.program(tail)?),
                None => None,
            },
            volume: compiler.program(&plans.volume)?,
            features: plans.features.clone(),
            classifier: compiler
                .classifier(&plans.head, [network.features(), network.classes()])?,
            network,
            pool,
            per_thread: (0..threads).map(|_| Memory::default()).collect(),
            shared: Mutex::default(),
        })
    }

    /// Whether this CPU has the instructions that make the engine fast: AVX2 and FMA, or AVX-512.
    pub fn is_fast_here() -> bool {
        Isa::detect().is_wide()
    }

    /// Values of one frame: its map, and what the tail makes of it.
    fn frame_lens(&self) -> [usize; 2] {
        let tail = self.tail.as_ref();
        [
            self.frames.output_len(0),
            tail.map_or(0, |tail| tail.outputs[0].channels),
        ]
    }

    /// Makes the maps of some frames, and what the tail makes of each.
    fn run_2d(&self, input: &[f32], maps: &mut [f32], pooled: &mut [f32], memory: &mut In2d) {
        let Some(tail) = &self.tail else {
            return self.run_frames(input, maps, &mut [], &mut memory.frames);
        };
        let [map, features] = self.frame_lens();
        let group = TAIL_FRAMES.next_multiple_of(self.pool.current_num_threads());
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
        let split = frames - frames % self.pool.current_num_threads();
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

    /// Features of some clips. `fill` puts the maps of their frames, and what the tail makes of these, into the room that it
    /// is given.
    fn features(
        &self,
        clips: usize,
        memory: &mut Memory,
        fill: impl FnOnce(&mut [f32], &mut [f32]),
    ) -> Vec<f32> {
        let frames = clips * self.network.segments();
        let [map, pooled] = self.frame_lens().map(|len| frames * len);
        let mut pooled = vec![0.0; pooled];
        fill(memory.input(map), &mut pooled);
        self.volume.run(self.isa, Crew::All, clips, memory);
        let volume = self.volume.output(0, clips, memory);
        let mut features = Vec::with_capacity(clips * self.network.features());
        for clip in 0..clips {
            for part in &self.features {
                let (values, channels) = match part {
                    Pooled::Tail => (&*pooled, self.frame_lens()[1]),
                    Pooled::Volume => (volume, self.volume.outputs[0].channels),
                };
                let len = values.len() / clips;
                features.extend(mean(&values[clip * len..][..len], channels));
            }
        }
        features
    }

    /// Takes clips through the 3-D network in groups; `fill` puts what is made of the frames of a group's clips into the room
    /// that it is given.
    fn answers(
        &self,
        clips: usize,
        fill: impl Fn(Range<usize>, &mut [f32], &mut [f32], &mut In2d) + Sync,
    ) -> Output {
        let mut features = Vec::with_capacity(clips * self.network.features());
        let groups = clips.div_ceil(GROUP);
        // Working memory carries nothing from one run to the next: what a panic left behind is as good as new.
        let mut guard = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (in_2d, volume) = &mut *guard;
        self.pool.install(|| {
            for group in 0..groups {
                let clips = share(clips, group, groups);
                features.extend(self.features(clips.len(), volume, |maps, pooled| {
                    fill(clips, maps, pooled, in_2d);
                }));
            }
        });
        Output {
            logits: self.classifier.logits(&features),
            features,
            classes: self.network.classes(),
        }
    }
}

/// Cuts a slice into parts of equal length, which may be zero.
fn parts(data: &mut [f32], count: usize) -> impl Iterator<Item = &mut [f32]> {
    let len = data.len() / count.max(1);
    (0..count).scan(data, move |rest, _| {
        let part;
        (part, *rest) = std::mem::take(rest).split_at_mut(len);
        Some(part)
    })
}

impl Engine for Winograd {
    fn kind(&self) -> EngineKind {
        EngineKind::Winograd
    }

    fn device(&self) -> Device {
        Device::Cpu
    }

    fn network(&self) -> &Network {
        &self.network
    }

    /// A frame's values are its map, `[28, 28, 96]`, and what the tail makes of it.
    fn maps(&self, frames: &[f32]) -> Result<Maps> {
        let count = self.frames(frames.len())?;
        let [mut maps, mut pooled] = self.frame_lens().map(|len| vec![0.0; count * len]);
        let mut guard = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (in_2d, _) = &mut *guard;
        self.pool
            .install(|| self.run_2d(frames, &mut maps, &mut pooled, in_2d));
        if !pooled.is_empty() {
            let frames = parts(&mut maps, count).zip(parts(&mut pooled, count));
            maps = frames
                .flat_map(|(map, pooled)| [&*map, pooled].concat())
                .collect();
        }
        Ok(Maps::new(maps, count))
    }

    fn answer(&self, maps: &Maps) -> Result<Output> {
        let clips = self.clips(maps)?;
        let [map, _] = self.frame_lens();
        Ok(self.answers(clips, |clips, room, pooled, _| {
            let segments = self.network.segments();
            let frames = clips.start * segments..clips.end * segments;
            let count = frames.len();
            let rooms = parts(room, count).zip(parts(pooled, count));
            for (frame, (room, pooled)) in frames.zip(rooms) {
                let (map, rest) = maps.frame(frame).split_at(map);
                room.copy_from_slice(map);
                pooled.copy_from_slice(rest);
            }
        }))
    }

    /// A clip's answer has the same bits in any batch and with any number of threads. Concurrent calls wait for each other.
    fn run(&self, batch: &ClipBatch) -> Result<Output> {
        self.network.check_input(&batch.shape())?;
        self.frames(batch.values.len())?;
        let clip = batch.clip_len();
        Ok(self.answers(batch.clips, |clips, room, pooled, in_2d| {
            let frames = &batch.values[clips.start * clip..clips.end * clip];
            self.run_2d(frames, room, pooled, in_2d);
        }))
    }
}
