//! ECO-Lite on a CPU by Winograd's minimal filtering: a quarter of the multiplications of direct convolution.
//!
//! [`Winograd::compile`] turns the network's tensors into transformed filters once; [`Winograd::run`] takes preprocessed
//! clips to features and logits. `docs/engine.md` explains the algorithm, the layout of the data and the numerics.
//!
//! The module depends on nothing else of this crate; tests, Miri and benchmarks also build it alone.

#![deny(unsafe_code)]
#![allow(
    clippy::needless_range_loop,
    reason = "the loops of a transform run over the same axis of several arrays"
)]

mod algorithm;
pub(crate) mod amx;
mod bfloat16;
pub(crate) mod buffer;
mod compile;
pub(crate) mod convolution;
pub(crate) mod filters;
pub(crate) mod gemm;
mod head;
mod image;
pub(crate) mod kind;
mod pointwise;
mod pooling;
mod products;
pub(crate) mod simd;
mod steps;
pub(crate) mod threads;
pub(crate) mod tiles;
mod transforms;
pub(crate) mod view;

#[cfg(test)]
mod tests;

pub use compile::{Source, Weight};

use amx::Amx;
use head::{Classifier, FEATURES};
use image::{DEPTH_FRAME, DEPTH_SIDE, FRAME};
use rayon::prelude::*;
use simd::Isa;
use std::sync::{Mutex, PoisonError};
use steps::{Memory, Step};
use threads::{Crew, PerThread, share};
use view::Shape;

/// Why the engine cannot be made or run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source has no tensor of this name.
    #[error("the network has no tensor {0}")]
    Missing(String),
    /// A tensor has another shape than ECO-Lite's.
    #[error("{name} has shape {found:?}, ECO-Lite has {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// What the network needs.
        expected: Vec<usize>,
    },
    /// The system starts no more threads.
    #[error("cannot start the engine's threads: {0}")]
    Threads(String),
    /// The input is not `[clips, segments, 3, 224, 224]` with segments a multiple of 4.
    #[error(
        "{found} floats are not {clips} clips of {segments} frames of 3 x 224 x 224, or {segments} is not a multiple of 4"
    )]
    Input {
        /// Clips asked for.
        clips: usize,
        /// Segments asked for.
        segments: usize,
        /// Floats given.
        found: usize,
    },
}

/// What the network says about some clips.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// `[clips, 512]`, before the classifier.
    pub features: Vec<f32>,
    /// `[clips, classes]`.
    pub logits: Vec<f32>,
}

/// The compiled network.
pub struct Winograd {
    isa: Isa,
    pool: rayon::ThreadPool,
    frame_steps: Vec<Step>,
    volume_steps: Vec<Step>,
    classifier: Classifier,
    /// Working memory of each thread for frames.
    frames: PerThread<Memory>,
    /// The same for what all threads do together: frames, and the 3-D network.
    shared: Mutex<[Memory; 2]>,
}

/// Rows and columns of the 2-D network's output.
const MAP: usize = 28;
/// Its channels.
const MAP_CHANNELS: usize = 96;
/// How many frames become one in the 3-D network.
const STEP: usize = 4;

/// Clips that pass through the 3-D network together. More would take more memory and read the filters no less often.
const GROUP: usize = 4;

impl Winograd {
    /// Compiles the network whose tensors `source` names, for the CPU at hand and `threads` threads.
    ///
    /// # Errors
    /// [`Error::Missing`] and [`Error::Shape`] when the tensors are not ECO-Lite's, [`Error::Threads`].
    pub fn compile(source: Source, threads: usize) -> Result<Self, Error> {
        let isa = Isa::detect();
        let threads = threads.max(1);
        let pool = threads::pool(threads).map_err(|e| Error::Threads(e.to_string()))?;
        let compiler = compile::Compiler {
            isa,
            amx: Amx::detect(),
            pool: &pool,
            source,
        };
        Ok(Self {
            isa,
            frame_steps: compiler.frame_steps()?,
            volume_steps: compiler.volume_steps()?,
            classifier: compiler.classifier()?,
            pool,
            frames: (0..threads).map(|_| Memory::default()).collect(),
            shared: Mutex::default(),
        })
    }

    /// Whether this CPU has the instructions that make the engine fast: AVX2 and FMA, or AVX-512.
    pub fn is_fast_here() -> bool {
        Isa::detect().is_wide()
    }

    /// Threads the engine runs on.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Classes the network tells apart.
    pub fn classes(&self) -> usize {
        self.classifier.bias.len()
    }

    /// Runs preprocessed clips, `[clips, segments, 3, 224, 224]`. A clip's answer has the same bits in any batch and
    /// with any number of threads. Concurrent calls wait for each other.
    ///
    /// # Errors
    /// [`Error::Input`] when the input has another size or `segments` is not a positive multiple of 4.
    pub fn run(&self, input: &[f32], clips: usize, segments: usize) -> Result<Answer, Error> {
        if segments == 0
            || !segments.is_multiple_of(STEP)
            || input.len() != clips * segments * FRAME
        {
            return Err(Error::Input {
                clips,
                segments,
                found: input.len(),
            });
        }
        let mut features = Vec::with_capacity(clips * FEATURES);
        let groups = clips.div_ceil(GROUP);
        // Working memory carries nothing from one run to the next: what a panic left behind is as good as new.
        let mut guard = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &mut *guard;
        self.pool.install(|| {
            for group in 0..groups {
                let clips = share(clips, group, groups);
                let clip = segments * FRAME;
                let frames = &input[clips.start * clip..clips.end * clip];
                features.extend(self.features(frames, clips.len(), shared));
            }
        });
        Ok(Answer {
            logits: self.classifier.logits(&features),
            features,
        })
    }

    /// Features of one group of clips.
    fn features(&self, input: &[f32], clips: usize, shared: &mut [Memory; 2]) -> Vec<f32> {
        const SIZE: usize = MAP * MAP * MAP_CHANNELS;
        let [memory, volume] = shared;
        let frames = input.len() / FRAME;
        // A frame per thread needs no waiting; the frames that are left over are shared.
        let split = frames - frames % self.threads();
        let (input, last_input) = input.split_at(split * FRAME);
        let maps = volume.buffers[0].get_mut().room(frames * SIZE);
        let (maps, last_maps) = maps.split_at_mut(split * SIZE);
        maps.par_chunks_exact_mut(SIZE)
            .zip(input.par_chunks_exact(FRAME))
            .with_max_len(1)
            .for_each(|(map, frame)| {
                let maps = |memory: &mut _| {
                    map.copy_from_slice(self.maps(Crew::Alone, frame, memory));
                };
                self.frames.with(maps);
            });
        if split < frames {
            last_maps.copy_from_slice(self.maps(Crew::All, last_input, memory));
        }
        let shape = Shape::square(clips, frames / clips, MAP);
        let last = steps::run(&self.volume_steps, self.isa, Crew::All, shape, volume);
        let clips = last.chunks_exact(last.len() / clips);
        clips.flat_map(head::mean).collect()
    }

    /// Maps of some frames, `[n, 3, 224, 224]` to `[n, 28, 28, 96]`.
    fn maps<'m>(&self, crew: Crew, frames: &[f32], memory: &'m mut Memory) -> &'m [f32] {
        let items = frames.len() / FRAME;
        let images = memory.buffers[0].get_mut().room(items * DEPTH_FRAME);
        let images = images.chunks_exact_mut(DEPTH_FRAME);
        for (frame, image) in frames.chunks_exact(FRAME).zip(images) {
            image::space_to_depth(frame, image);
        }
        let shape = Shape::square(items, 1, DEPTH_SIDE);
        steps::run(&self.frame_steps, self.isa, crew, shape, memory)
    }
}
