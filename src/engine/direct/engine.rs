//! The compiled network, and how clips go through it.

use super::compile::Compiler;
use super::convolution::Scratch;
use super::frames::{FrameMemory, FrameNet, mean};
use super::grid::Part;
use super::hands::Hands;
use super::numbers::{numbers, word};
use super::program::{Memory, Program};
use super::unit::Unit;
use crate::engine::cpu::amx::Amx;
use crate::engine::cpu::buffer::LINE;
use crate::engine::cpu::error::Error;
use crate::engine::cpu::head::{self, Classifier};
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::tensors::Tensors;
use crate::engine::cpu::threads::{PerThread, pool, share};
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

/// Compiles the network with the tensors of `weights`, for AMX and `threads` threads. The weights are not needed afterwards.
///
/// # Errors
/// A CPU or a system without the unit, weights that cannot be read or do not fit, and threads that cannot be started.
pub(in crate::engine) fn compile(
    network: Network,
    weights: &Weights,
    threads: usize,
) -> Result<Box<dyn Engine>> {
    let unit = Amx::ask().map_err(Error::NoAmx)?;
    Ok(Box::new(Direct::compile(unit, network, weights, threads)?))
}

/// The compiled network.
pub(super) struct Direct<U> {
    unit: U,
    network: Network,
    isa: Isa,
    pool: rayon::ThreadPool,
    frames: FrameNet<U>,
    volume: Program,
    features: Vec<Pooled>,
    classifier: Classifier,
    /// Working memory of each thread.
    crew: PerThread<Scratch>,
    /// Activations of what all threads compute together: the 2-D network, and the 3-D network.
    shared: Mutex<(FrameMemory, Memory)>,
}

/// Clips that pass through the 3-D network together. More would take more memory and read the filters no less often.
const GROUP: usize = 4;

impl<U: Unit> Direct<U> {
    /// Compiles the network for a unit.
    ///
    /// # Errors
    /// Weights that cannot be read or do not fit, and threads that cannot be started.
    pub(super) fn compile(
        unit: U,
        network: Network,
        weights: &Weights,
        threads: usize,
    ) -> Result<Self> {
        let plans = Plans::new(&network.graph(1)?).map_err(Error::from)?;
        let pool = pool(threads.max(1)).map_err(|error| Error::Threads(error.to_string()))?;
        let compiler = Compiler {
            isa: Isa::detect(),
            pool: &pool,
            tensors: Tensors(weights),
        };
        Ok(Self {
            unit,
            isa: compiler.isa,
            frames: FrameNet::compile(unit, &compiler, &plans)?,
            volume: compiler.program(&plans.volume)?,
            features: plans.features.clone(),
            classifier: compiler
                .tensors
                .classifier(&plans.head, [network.features(), network.classes()])?,
            network,
            crew: (0..pool.current_num_threads())
                .map(|_| Scratch::default())
                .collect(),
            pool,
            shared: Mutex::default(),
        })
    }

    /// Takes clips through the 3-D network in groups; `fill` puts the maps of a group's clips, and what the tail makes of their
    /// frames, into the room that it is given.
    fn answers(
        &self,
        clips: usize,
        fill: impl Fn(Range<usize>, Vec<&mut [f32]>, &mut [f32], &mut FrameMemory) + Sync,
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

    /// Features of some clips.
    fn features(
        &self,
        clips: usize,
        memory: &mut Memory,
        fill: impl FnOnce(Vec<&mut [f32]>, &mut [f32]),
    ) -> Vec<f32> {
        let room = self.volume.input(clips, memory);
        let frame = self.frames.map().grid.frame() * LINE;
        // A clip's maps lie between two frames of zeros.
        let maps = room.chunks_exact_mut(room.len() / clips).flat_map(|clip| {
            let end = clip.len() - frame;
            clip[frame..end].chunks_exact_mut(frame)
        });
        let pooled_len = self.network.segments() * self.frames.pooled();
        let mut pooled = vec![0.0; clips * pooled_len];
        fill(maps.collect(), &mut pooled);
        let mut hands = Hands::All(&self.crew);
        self.volume
            .run(self.unit, self.isa, &mut hands, clips, memory);
        let (lines, place) = self.volume.output(0, memory);
        let mut features = Vec::with_capacity(clips * self.network.features());
        for clip in 0..clips {
            for part in &self.features {
                features.extend(match part {
                    Pooled::Tail => {
                        let frames = &pooled[clip * pooled_len..][..pooled_len];
                        head::mean(frames, self.frames.pooled())
                    }
                    Pooled::Volume => mean(lines, place.part, clip),
                });
            }
        }
        features
    }
}

impl<U: Unit> Engine for Direct<U> {
    fn kind(&self) -> EngineKind {
        EngineKind::Direct
    }

    fn device(&self) -> Device {
        Device::Cpu
    }

    fn precision(&self) -> Precision {
        Precision::Bf16
    }

    fn network(&self) -> &Network {
        &self.network
    }

    /// A frame's values are its map, `[28, 28, 96]`, and what the tail makes of it.
    fn maps(&self, frames: &[f32]) -> Result<Maps> {
        let count = Engine::frames(self, frames.len())?;
        let part = self.frames.map();
        let mut lines = vec![0.0; count * part.grid.frame() * LINE];
        let mut pooled = vec![0.0; count * self.frames.pooled()];
        let mut guard = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (in_2d, _) = &mut *guard;
        let maps = lines.chunks_exact_mut(part.grid.frame() * LINE).collect();
        self.pool.install(|| {
            self.frames
                .run(frames, maps, &mut pooled, &self.crew, in_2d);
        });
        let mut values = Vec::with_capacity(count * self.network.map_len());
        for (frame, map) in lines.chunks_exact(part.grid.frame() * LINE).enumerate() {
            values.extend(pixels(map, part));
            values
                .extend_from_slice(&pooled[frame * self.frames.pooled()..][..self.frames.pooled()]);
        }
        Ok(Maps::new(values, count))
    }

    fn answer(&self, maps: &Maps) -> Result<Output> {
        let clips = self.clips(maps)?;
        let part = self.frames.map();
        Ok(self.answers(clips, |clips, rooms, pooled, _| {
            let segments = self.network.segments();
            let frames = clips.start * segments..clips.end * segments;
            let len = self.frames.pooled();
            for (index, (frame, room)) in frames.zip(rooms).enumerate() {
                let values = maps.frame(frame);
                let (map, rest) = values.split_at(values.len() - len);
                lines(map, part, room);
                pooled[index * len..][..len].copy_from_slice(rest);
            }
        }))
    }

    /// A clip's answer has the same bits in any batch and with any number of threads. Concurrent calls wait for each other.
    fn run(&self, batch: &ClipBatch) -> Result<Output> {
        self.network.check_input(&batch.shape())?;
        Engine::frames(self, batch.values.len())?;
        let clip = batch.clip_len();
        Ok(self.answers(batch.clips, |clips, rooms, pooled, in_2d| {
            let frames = &batch.values[clips.start * clip..clips.end * clip];
            self.frames.run(frames, rooms, pooled, &self.crew, in_2d);
        }))
    }
}

/// The numbers of a frame's lines, `[row, column, channel]`.
fn pixels(map: &[f32], part: Part) -> Vec<f32> {
    let [_, height, width] = part.grid.extents;
    let mut values = Vec::with_capacity(height * width * part.chunks * 2 * LINE);
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        for chunk in 0..part.chunks {
            let line = &map[(part.start([0, 0, chunk]) + part.grid.pixel(y, x)) * LINE..][..LINE];
            values.extend(line.iter().flat_map(|&word| numbers(word)));
        }
    }
    values
}

/// The lines of a frame's numbers. Its border is left alone.
fn lines(values: &[f32], part: Part, map: &mut [f32]) {
    let [_, height, width] = part.grid.extents;
    let mut chunks = values.chunks_exact(2 * LINE);
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        for chunk in 0..part.chunks {
            let (pairs, _) = chunks.next().unwrap_or(&[0.0; 2 * LINE]).as_chunks();
            let at = (part.start([0, 0, chunk]) + part.grid.pixel(y, x)) * LINE;
            for (to, &[lower, upper]) in map[at..][..LINE].iter_mut().zip(pairs) {
                *to = word(lower, upper);
            }
        }
    }
}
