//! The compiled network, and how clips go through it.

use super::compile::Compiler;
use super::frames::{FrameMemory, FrameNet, parts};
use super::steps::{Memory, Program};
use crate::engine::cpu::error::Error;
use crate::engine::cpu::head::{Classifier, mean};
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::threads::{Crew, pool, share};
use crate::engine::device::Device;
use crate::engine::error::Result;
use crate::engine::interface::{ClipBatch, Engine, EngineKind, Maps};
use crate::engine::output::Output;
use crate::engine::plan::{Plans, Pooled};
use crate::engine::precision::Precision;
use crate::network::Network;
use crate::weights::Weights;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// The compiled network.
pub struct Winograd {
    network: Network,
    pub(super) isa: Isa,
    pub(super) pool: rayon::ThreadPool,
    pub(super) frames: FrameNet,
    pub(super) volume: Program,
    features: Vec<Pooled>,
    classifier: Classifier,
    /// Working memory for what all threads do together: the 2-D network, and the 3-D network.
    shared: Mutex<(FrameMemory, Memory)>,
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
        let pool = pool(threads.max(1)).map_err(|error| Error::Threads(error.to_string()))?;
        let compiler = Compiler::detect(&pool, weights);
        Ok(Self {
            isa: compiler.isa,
            frames: FrameNet::compile(&compiler, plans)?,
            volume: compiler.program(&plans.volume)?,
            features: plans.features.clone(),
            classifier: compiler
                .tensors
                .classifier(&plans.head, [network.features(), network.classes()])?,
            network,
            pool,
            shared: Mutex::default(),
        })
    }

    /// Whether this CPU has the instructions that make the engine fast: AVX2 and FMA, AVX-512, or NEON.
    pub fn is_fast_here() -> bool {
        Isa::detect().is_fast()
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
        let [map, pooled] = self.frames.lens().map(|len| frames * len);
        let mut pooled = vec![0.0; pooled];
        fill(memory.input(map), &mut pooled);
        self.volume.run(self.isa, Crew::All, clips, memory);
        let volume = self.volume.output(0, clips, memory);
        let mut features = Vec::with_capacity(clips * self.network.features());
        for clip in 0..clips {
            for part in &self.features {
                let (values, channels) = match part {
                    Pooled::Tail => (&*pooled, self.frames.lens()[1]),
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
        fill: impl Fn(Range<usize>, &mut [f32], &mut [f32], &mut FrameMemory) + Sync,
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

impl Engine for Winograd {
    fn kind(&self) -> EngineKind {
        EngineKind::Winograd
    }

    fn device(&self) -> Device {
        Device::Cpu
    }

    fn precision(&self) -> Precision {
        Precision::Fp32
    }

    fn network(&self) -> &Network {
        &self.network
    }

    /// A frame's values are its map, `[28, 28, 96]`, and what the tail makes of it.
    fn maps(&self, frames: &[f32]) -> Result<Maps> {
        let count = self.frames(frames.len())?;
        let [mut maps, mut pooled] = self.frames.lens().map(|len| vec![0.0; count * len]);
        let mut guard = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (in_2d, _) = &mut *guard;
        self.pool
            .install(|| self.frames.run(frames, &mut maps, &mut pooled, in_2d));
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
        let [map, _] = self.frames.lens();
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
            self.frames.run(frames, room, pooled, in_2d);
        }))
    }
}
