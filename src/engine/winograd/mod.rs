//! ECO-Lite on a CPU by Winograd's minimal filtering: a quarter of the multiplications of direct convolution.
//!
//! [`Winograd::compile`] turns the network's tensors into transformed filters once; [`Winograd::run`] takes preprocessed
//! clips to features and logits. `docs/engine.md` explains the algorithm, the layout of the data and the numerics.
//!
//! The module depends on nothing else of this crate; tests, Miri and benchmarks also build it alone.

pub(crate) mod buffer;
mod compile;
pub(crate) mod convolution;
pub(crate) mod filters;
mod frames;
pub(crate) mod gemm;
mod planes;
mod pointwise;
mod pooling;
pub(crate) mod simd;
pub(crate) mod threads;
mod tiles;
mod transforms;
mod volume;

#[cfg(test)]
mod tests;

pub use compile::{Source, Weight};

use frames::{Activations, FRAME, FrameNet};
use planes::Scratch;
use simd::Isa;
use std::sync::{Mutex, PoisonError};
use threads::{Crew, PerThread, share};
use volume::{FEATURES, Memory, STEP, VolumeNet};

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
    frames: FrameNet,
    volume: VolumeNet,
    classifier: Classifier,
    scratch: PerThread<Scratch>,
    single: PerThread<Activations>,
    shared: Mutex<(Activations, Memory)>,
}

/// The linear layer at the end.
struct Classifier {
    /// `[classes, 512]`.
    weight: Vec<f32>,
    /// `[classes]`.
    bias: Vec<f32>,
}

/// Clips that pass through the 3-D network together. More would take more memory and read the filters no less often.
const GROUP: usize = 4;

impl Winograd {
    /// Compiles the network whose tensors `source` names, for the CPU at hand and `threads` threads.
    ///
    /// # Errors
    /// [`Error::Missing`] and [`Error::Shape`] when the tensors are not ECO-Lite's, [`Error::Threads`].
    pub fn compile(source: Source, threads: usize) -> Result<Self, Error> {
        Self::compile_for(Isa::detect(), source, threads)
    }

    fn compile_for(isa: Isa, source: Source, threads: usize) -> Result<Self, Error> {
        let threads = threads.max(1);
        let pool = threads::pool(threads)?;
        let parts = compile::Compiler {
            isa,
            crew: Crew::All(threads),
            pool: &pool,
            source,
        }
        .network()?;
        let (frames, volume, classifier) = parts;
        let (scratch, single) = (PerThread::new(threads), PerThread::new(threads));
        Ok(Self {
            isa,
            pool,
            frames,
            volume,
            classifier,
            scratch,
            single,
            shared: Mutex::default(),
        })
    }

    /// Whether this CPU has the instructions that make the engine fast: AVX2 and FMA.
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
        let mut answer = Answer::default();
        let groups = clips.div_ceil(GROUP);
        self.pool.install(|| {
            // Working memory carries nothing from one run to the next: what a panic left behind is as good as new.
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            for group in 0..groups {
                let clips = share(clips, group, groups);
                let clip = segments * FRAME;
                let frames = &input[clips.start * clip..clips.end * clip];
                answer
                    .features
                    .extend(self.features(frames, clips.len(), segments, &mut shared));
            }
        });
        answer.logits = answer
            .features
            .chunks_exact(FEATURES)
            .flat_map(|f| self.classifier.logits(f))
            .collect();
        Ok(answer)
    }

    /// Features of one group of clips.
    fn features(
        &self,
        input: &[f32],
        clips: usize,
        segments: usize,
        shared: &mut (Activations, Memory),
    ) -> Vec<f32> {
        let (activations, memory) = shared;
        let (isa, threads) = (self.isa, self.threads());
        let all = Crew::All(threads);
        let context = planes::Context {
            isa,
            crew: Crew::Alone,
            scratch: &self.scratch,
        };
        let count = clips * segments;
        let maps = memory.maps(count);
        // A frame per thread needs no waiting; the frames that are left over are shared.
        let alone = count - count % threads;
        all.each(alone, |i| {
            let (frame, map) = (
                &input[i * FRAME..][..FRAME],
                maps.skip(i * frames::MAP_SIZE),
            );
            // SAFETY: each frame has its own map.
            self.single
                .with(|own| unsafe { self.frames.run(context, frame, own, map) });
        });
        if alone < count {
            let (rest, map) = (&input[alone * FRAME..], maps.skip(alone * frames::MAP_SIZE));
            // SAFETY: these frames' maps are used by nobody else.
            unsafe {
                self.frames.run(
                    planes::Context {
                        crew: all,
                        ..context
                    },
                    rest,
                    activations,
                    map,
                )
            };
        }
        self.volume
            .run(volume::Context { isa, crew: all }, clips, segments, memory)
    }
}

impl Classifier {
    fn logits(&self, features: &[f32]) -> Vec<f32> {
        let rows = self.weight.chunks_exact(FEATURES).zip(&self.bias);
        rows.map(|(row, bias)| bias + dot(row, features)).collect()
    }
}

/// Dot product in sixteen partial sums, which the compiler keeps in vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}
