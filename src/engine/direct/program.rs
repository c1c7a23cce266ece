//! A network as a list of steps from one place in memory to another.

use super::convolution::{Convolution, Job, Scratch};
use super::grid::SLACK;
use super::hands::Hands;
use super::image;
use super::layout::Place;
use super::pooled::Pooled;
use super::pooling::{Pool, pool};
use super::unit::Unit;
use crate::engine::cpu::buffer::{Buffer, LINE, Span};
use crate::engine::cpu::epilogue::Epilogue;
use crate::engine::cpu::simd::Isa;
use crate::network::Window;
use std::cell::RefCell;

/// Activations of a program. A step that wrote what it reads would panic.
#[derive(Default)]
pub(super) struct Memory(Vec<RefCell<Buffer>>);

/// What a step computes.
pub(super) enum Layer {
    /// A convolution, or several of one input.
    Convolution(Convolution),
    /// A convolution and its max pool.
    Pooled(Pooled),
    /// An average pool and what follows it.
    Average(Epilogue),
    /// A max pool.
    Max(Window),
}

/// A layer and what it reads and writes.
pub(super) struct Step {
    /// What is computed.
    pub layer: Layer,
    /// The input; the images of frames if it is nothing.
    pub from: Option<Place>,
    /// The output.
    pub to: Place,
    /// Receives the sum before batch norm.
    pub raw: Option<Place>,
    /// Added to the sum.
    pub residual: Option<Place>,
}

/// A part of the network, compiled.
pub(super) struct Program {
    /// In the order in which they run.
    pub steps: Vec<Step>,
    /// Lines of an item in each memory. The last one has images.
    pub memories: Vec<usize>,
    /// Where the input lies; images if it is nothing.
    pub input: Option<Place>,
    /// Where the outputs lie: each alone in its memory.
    pub outputs: Vec<Place>,
}

impl Program {
    /// The input of `items` items, to be filled: images, or lines of the place where it lies.
    pub(super) fn input<'m>(&self, items: usize, memory: &'m mut Memory) -> &'m mut [f32] {
        let needed = self.memories.len().max(memory.0.len());
        memory.0.resize_with(needed, RefCell::default);
        for (buffer, lines) in memory.0.iter_mut().zip(&self.memories) {
            buffer.get_mut().room((items * lines + SLACK) * LINE);
        }
        let input = match self.input {
            Some(place) => place.memory,
            None => self.memories.len() - 1,
        };
        let lines = items * self.memories[input];
        memory.0[input].get_mut().room(lines * LINE)
    }

    /// An output of the last run.
    pub(super) fn output<'m>(&self, output: usize, memory: &'m mut Memory) -> (&'m [f32], Place) {
        let place = self.outputs[output];
        (memory.0[place.memory].get_mut(), place)
    }

    /// Runs the steps on `items` items that lie in the memory's input.
    pub(super) fn run<U: Unit>(
        &self,
        unit: U,
        isa: Isa,
        hands: &mut Hands<'_, Scratch>,
        items: usize,
        memory: &mut Memory,
    ) {
        let memory = &memory.0;
        for (index, step) in self.steps.iter().enumerate() {
            let source = step
                .from
                .map_or(self.memories.len() - 1, |place| place.memory);
            let input = memory[source].borrow();
            let residual = step.residual.map(|place| memory[place.memory].borrow());
            let mut output = memory[step.to.memory].borrow_mut();
            let mut raw = step.raw.map(|place| memory[place.memory].borrow_mut());
            let job = Job {
                input: &input,
                item: self.memories[source] * LINE,
                output: (Span::new(&mut output), step.to.part),
                raw: step
                    .raw
                    .zip(raw.as_mut())
                    .map(|(place, buffer)| (Span::new(buffer), place.part)),
                residual: step
                    .residual
                    .zip(residual.as_ref())
                    .map(|(place, buffer)| (Span::shared(buffer), place.part)),
                next: self.steps.get(index + 1).map_or(&[], Step::first_filters),
            };
            match (&step.layer, step.from) {
                (Layer::Convolution(layer), _) => layer.run(unit, isa, hands, items, &job),
                (Layer::Pooled(layer), _) => layer.run(unit, isa, hands, items, &job),
                (Layer::Average(epilogue), Some(from)) => {
                    let average = Pool::Average(epilogue);
                    pool(
                        isa,
                        hands,
                        items,
                        average,
                        (job.input, from.part),
                        job.output,
                    );
                }
                (Layer::Max(window), Some(from)) => {
                    let max = Pool::Max(*window);
                    pool(isa, hands, items, max, (job.input, from.part), job.output);
                }
                (_, None) => unreachable!("a pool of images is not compiled"),
            }
        }
    }
}

impl Step {
    /// Filters that are read first.
    fn first_filters(&self) -> &[f32] {
        match &self.layer {
            Layer::Convolution(layer) => layer.first_panel(),
            Layer::Pooled(layer) => layer.first_panel(),
            Layer::Average(_) | Layer::Max(_) => &[],
        }
    }
}

/// Lines of an image.
pub(super) const IMAGE_LINES: usize = image::WORDS / LINE;
