//! Up to the last stage, for training that stage alone.

use super::compile::Compiler;
use super::frames::{FrameMemory, FrameNet};
use super::steps::{Memory, Program};
use crate::engine::cpu::error::Error;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::threads::{Crew, pool};
use crate::engine::error::Result;
use crate::engine::interface::ClipBatch;
use crate::engine::plan::Plans;
use crate::network::Network;
use crate::weights::Weights;
use std::sync::{Mutex, PoisonError};

/// The network without its last stage and its head: clips to what [`Network::middle_of`] makes of them.
pub struct BeforeLastStage {
    network: Network,
    isa: Isa,
    pool: rayon::ThreadPool,
    frames: FrameNet,
    volume: Program,
    shared: Mutex<(FrameMemory, Memory)>,
}

impl BeforeLastStage {
    /// Compiles that part of the network with the tensors of `weights`, which may lack all others, for the CPU at hand and
    /// `threads` threads. The weights are not needed afterwards.
    ///
    /// # Errors
    /// Weights that cannot be read or do not fit, and threads that cannot be started.
    pub fn compile(network: Network, weights: &Weights, threads: usize) -> Result<Self> {
        let graph = network.graph(1)?;
        let plans = Plans::until(&graph, network.middle_node(&graph)).map_err(Error::from)?;
        let pool = pool(threads.max(1)).map_err(|error| Error::Threads(error.to_string()))?;
        let compiler = Compiler::detect(&pool, weights);
        Ok(Self {
            isa: compiler.isa,
            frames: FrameNet::compile(&compiler, &plans)?,
            volume: compiler.program(&plans.volume)?,
            network,
            pool,
            shared: Mutex::default(),
        })
    }

    /// The values of every clip, one clip after the other: `[256, segments / 2, 14, 14]`, and in ECO-Full `[segments, 1024]`
    /// after it. A clip's values have the same bits in any batch and with any number of threads.
    ///
    /// # Errors
    /// A batch of other clips than the network's.
    pub fn run(&self, batch: &ClipBatch) -> Result<Vec<f32>> {
        self.network.check_input(&batch.shape())?;
        let frames = batch.segments;
        let [map, pooled] = self.frames.lens().map(|len| frames * len);
        let mut pooled = vec![0.0; pooled];
        let mut values = Vec::new();
        let mut guard = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (in_2d, volume) = &mut *guard;
        self.pool.install(|| {
            for clip in batch.values.chunks_exact(batch.clip_len()) {
                self.frames.run(clip, volume.input(map), &mut pooled, in_2d);
                self.volume.run(self.isa, Crew::All, 1, volume);
                values.extend(self.volume.view(0, 1, volume).channels_first());
                values.extend_from_slice(&pooled);
            }
        });
        Ok(values)
    }
}
