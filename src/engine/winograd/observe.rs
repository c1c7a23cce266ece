//! A forward pass whose blocks are looked at.

use super::engine::Winograd;
use super::steps::{Memory, Program};
use crate::engine::cpu::error::Error;
use crate::engine::cpu::threads::Crew;
use crate::engine::error::Result;
use crate::engine::interface::{ClipBatch, Observed};
use crate::engine::plan::{Plan, Plans};
use crate::network::{Module, Network};
use crate::weights::Weights;
use std::collections::HashMap;

impl Winograd {
    /// Compiles the network so that the outputs of its blocks stay in memory, runs some clips, all at once, and shows `watch`
    /// what each block made, in the order in which the blocks began. The steps are those of [`Winograd::compile`], and so are
    /// the numbers, to the bit. What lies inside a fused step is never in memory, so layers are not shown, and blocks that
    /// end in a mean over all pixels are not either: the values of `Engine::maps` and `Output::features` are those means.
    ///
    /// # Errors
    /// Those of [`Winograd::compile`], and clips that do not fit.
    pub fn observe(
        network: Network,
        weights: &Weights,
        threads: usize,
        clips: &ClipBatch,
        watch: &mut dyn FnMut(Observed<'_>),
    ) -> Result<()> {
        network.check_input(&clips.shape())?;
        let graph = network.graph(clips.clips)?;
        let blocks = graph.blocks();
        let kept: Vec<usize> = blocks
            .iter()
            .flat_map(|call| &call.outputs)
            .copied()
            .collect();
        let plans = Plans::keeping(&graph, &kept).map_err(Error::from)?;
        let engine = Self::planned(network.clone(), &plans, weights, threads)?;
        let made = engine.outputs(&plans, clips);
        let modules = modules(&network);
        for block in blocks {
            let is_one = block.outputs.len() == 1;
            for (output, node) in block.outputs.iter().enumerate() {
                let (Some(values), Some(module)) = (made.get(node), modules.get(&block.path))
                else {
                    continue;
                };
                watch(Observed {
                    path: &block.path,
                    module,
                    output: (!is_one).then_some(output),
                    shape: graph.nodes[*node].shape.clone(),
                    values,
                });
            }
        }
        Ok(())
    }

    /// All outputs of all plans by their nodes, laid out as PyTorch does.
    fn outputs(&self, plans: &Plans, clips: &ClipBatch) -> HashMap<usize, Vec<f32>> {
        let frames = clips.clips * clips.segments;
        let [mut in_frames, mut in_tail, mut in_volume] = [(); 3].map(|()| Memory::default());
        let mut made = HashMap::new();
        let mut keep = |plan: &Plan, program: &Program, items, memory: &mut Memory| {
            for (output, &node) in plan.made.iter().enumerate() {
                made.insert(node, program.view(output, items, memory).channels_first());
            }
        };
        self.pool.install(|| {
            let maps = in_volume.input(frames * self.frames.lens()[0]);
            let rest = self.frames.tail.as_ref().map_or(0, Program::input_len);
            let rest = in_tail.input(frames * rest);
            self.frames
                .run_crew(Crew::All, &clips.values, maps, rest, &mut in_frames);
            keep(&plans.frames, &self.frames.frames, frames, &mut in_frames);
            if let (Some(plan), Some(tail)) = (&plans.tail, &self.frames.tail) {
                tail.run(self.isa, Crew::All, frames, &mut in_tail);
                keep(plan, tail, frames, &mut in_tail);
            }
            self.volume
                .run(self.isa, Crew::All, clips.clips, &mut in_volume);
            keep(&plans.volume, &self.volume, clips.clips, &mut in_volume);
        });
        made
    }
}

/// Every module by its full name.
fn modules(network: &Network) -> HashMap<String, Module> {
    let mut modules = HashMap::new();
    network.root().walk(&mut |path, _, module| {
        modules.insert(path.to_owned(), module.clone());
    });
    modules
}
