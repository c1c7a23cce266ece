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
use crate::engine::plan::Plans;
use crate::network::Network;
use crate::weights::Weights;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// The compiled network.
pub struct Winograd {
    network: Network,
    isa: Isa,
    pool: rayon::ThreadPool,
    frames: Program,
    volume: Program,
    classifier: Classifier,
    /// Working memory of each thread for frames.
    per_thread: PerThread<Memory>,
    /// The same for what all threads do together: frames, and the 3-D network.
    shared: Mutex<[Memory; 2]>,
}

/// Clips that pass through the 3-D network together. More would take more memory and read the filters no less often.
const GROUP: usize = 4;

impl Winograd {
    /// Compiles the network with the tensors of `weights`, for the CPU at hand and `threads` threads. The weights are not
    /// needed afterwards.
    ///
    /// # Errors
    /// Weights that cannot be read or do not fit, and threads that cannot be started.
    pub fn compile(network: Network, weights: &Weights, threads: usize) -> Result<Self> {
        let isa = Isa::detect();
        let threads = threads.max(1);
        let pool = pool(threads).map_err(|error| Error::Threads(error.to_string()))?;
        let plans = Plans::new(&network.graph(1)?).map_err(Error::from)?;
        let compiler = Compiler {
            isa,
            amx: Amx::detect(),
            pool: &pool,
            weights,
        };
        Ok(Self {
            isa,
            frames: compiler.program(&plans.frames)?,
            volume: compiler.program(&plans.volume)?,
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

    /// Values of the map of one frame.
    fn map_len(&self) -> usize {
        self.frames.output_len()
    }

    /// Makes the maps of some frames, as many as all threads together like best, into `maps`.
    fn frames_to_maps(&self, input: &[f32], maps: &mut [f32], memory: &mut Memory) {
        let size = self.map_len();
        let frames = input.len() / FRAME_LEN;
        // A frame per thread needs no waiting; the frames that are left over are shared.
        let split = frames - frames % self.pool.current_num_threads();
        let (input, last_input) = input.split_at(split * FRAME_LEN);
        let (maps, last_maps) = maps.split_at_mut(split * size);
        maps.par_chunks_exact_mut(size)
            .zip(input.par_chunks_exact(FRAME_LEN))
            .with_max_len(1)
            .for_each(|(map, frame)| {
                let run = |memory: &mut _| {
                    map.copy_from_slice(self.run_frames(Crew::Alone, frame, memory));
                };
                self.per_thread.with(run);
            });
        if split < frames {
            last_maps.copy_from_slice(self.run_frames(Crew::All, last_input, memory));
        }
    }

    /// Maps of some frames, `[n, 3, 224, 224]` to `[n, 28, 28, 96]`.
    fn run_frames<'m>(&self, crew: Crew, frames: &[f32], memory: &'m mut Memory) -> &'m [f32] {
        let items = frames.len() / FRAME_LEN;
        let images = memory
            .input(items * DEPTH_FRAME)
            .chunks_exact_mut(DEPTH_FRAME);
        for (frame, image) in frames.chunks_exact(FRAME_LEN).zip(images) {
            space_to_depth(frame, image);
        }
        self.frames.run(self.isa, crew, items, memory)
    }

    /// Features of some clips whose maps `fill` puts into the room that it is given.
    fn features(
        &self,
        clips: usize,
        memory: &mut Memory,
        fill: impl FnOnce(&mut [f32]),
    ) -> Vec<f32> {
        fill(memory.input(clips * self.network.segments() * self.map_len()));
        let last = self.volume.run(self.isa, Crew::All, clips, memory);
        let features = self.network.features();
        let clips = last.chunks_exact(last.len() / clips);
        clips.flat_map(|clip| mean(clip, features)).collect()
    }

    /// Takes clips through the 3-D network in groups; `fill` puts the maps of a group's clips into the room it is given.
    fn answers(
        &self,
        clips: usize,
        fill: impl Fn(std::ops::Range<usize>, &mut [f32], &mut Memory) + Sync,
    ) -> Output {
        let mut features = Vec::with_capacity(clips * self.network.features());
        let groups = clips.div_ceil(GROUP);
        // Working memory carries nothing from one run to the next: what a panic left behind is as good as new.
        let mut guard = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let [memory, volume] = &mut *guard;
        self.pool.install(|| {
            for group in 0..groups {
                let clips = share(clips, group, groups);
                features
                    .extend(self.features(clips.len(), volume, |maps| fill(clips, maps, memory)));
            }
        });
        Output {
            logits: self.classifier.logits(&features),
            features,
            classes: self.network.classes(),
        }
    }
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

    fn maps(&self, frames: &[f32]) -> Result<Maps> {
        let count = self.frames(frames.len())?;
        let mut maps = vec![0.0; count * self.map_len()];
        let mut guard = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let [memory, _] = &mut *guard;
        self.pool
            .install(|| self.frames_to_maps(frames, &mut maps, memory));
        Ok(Maps::new(maps, count))
    }

    fn answer(&self, maps: &Maps) -> Result<Output> {
        let clips = self.clips(maps)?;
        let clip = self.network.segments() * self.map_len();
        Ok(self.answers(clips, |clips, room, _| {
            room.copy_from_slice(&maps.values()[clips.start * clip..clips.end * clip]);
        }))
    }

    /// A clip's answer has the same bits in any batch and with any number of threads. Concurrent calls wait for each other.
    fn run(&self, batch: &ClipBatch) -> Result<Output> {
        self.network.check_input(&batch.shape())?;
        self.frames(batch.values.len())?;
        let clip = batch.clip_len();
        Ok(self.answers(batch.clips, |clips, room, memory| {
            let frames = &batch.values[clips.start * clip..clips.end * clip];
            self.frames_to_maps(frames, room, memory);
        }))
    }
}
