//! A network as a list of steps from one place in memory to another.

use super::convolution::{Convolution, Scratch};
use super::grid::SLACK;
use super::hands::Hands;
use super::image;
use super::job::{Job, Target};
use super::layout::Place;
use super::pooled::Pooled;
use super::pooling::{Pool, pool};
use super::unit::Unit;
use crate::engine::cpu::buffer::{Buffer, LINE, Span};
use crate::engine::cpu::epilogue::Epilogue;
use crate::engine::cpu::simd::Isa;
use crate::network::Window;
use std::cell::RefCell;
use std::ops::Range;

/// Activations of a program: its memories, one behind the other.
#[derive(Default)]
pub(super) struct Memory {
    all: Buffer,
    /// Where each begins.
    starts: Vec<usize>,
    /// Items that there is room for.
    items: usize,
}

/// What a step computes.
pub(super) enum Layer {
    /// A convolution, or several of one input.
    Convolution(Convolution),
    /// A convolution and its max pool.
    Pooled(Pooled),
    /// An average pool and what follows it.
    Average(Epilogue),
    /// A max pool, and whether nothing that it reads has a sign.
    Max(Window, bool),
}

/// A layer and what it reads and writes.
pub(super) struct Step {
    /// What is computed.
    pub layer: Layer,
    /// Its filters, among those of the program.
    pub filters: Range<usize>,
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
    /// Packed filters, in that order.
    pub filters: Buffer,
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
        if memory.items < items || memory.starts.is_empty() {
            *memory = Memory::default();
            let mut end = 0;
            for lines in &self.memories {
                memory.starts.push(end);
                end += (items * lines + SLACK) * LINE;
            }
            memory.all = Buffer::in_large_pages(end);
            memory.items = items;
        }
        let input = match self.input {
            Some(place) => place.memory,
            None => self.memories.len() - 1,
        };
        &mut memory.all[memory.starts[input]..][..items * self.memories[input] * LINE]
    }

    /// An output of the last run.
    pub(super) fn output<'m>(&self, output: usize, memory: &'m Memory) -> (&'m [f32], Place) {
        let place = self.outputs[output];
        (&memory.all[memory.starts[place.memory]..], place)
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
        // A step that wrote what it reads would panic.
        let mut memories = Vec::with_capacity(memory.starts.len());
        let mut rest = &mut memory.all[..];
        for &start in memory.starts.iter().rev() {
            let (before, own) = rest.split_at_mut(start);
            memories.push(RefCell::new(own));
            rest = before;
        }
        memories.reverse();
        let memory = memories;
        for (index, step) in self.steps.iter().enumerate() {
            let source = step
                .from
                .map_or(self.memories.len() - 1, |place| place.memory);
            let input = memory[source].borrow();
            let residual = step.residual.map(|place| memory[place.memory].borrow());
            let mut output = memory[step.to.memory].borrow_mut();
            let mut raw = step.raw.map(|place| memory[place.memory].borrow_mut());
            let span = Span::new(&mut output);
            let job = Job {
                filters: &self.filters[step.filters.clone()],
                input: &input,
                item: self.memories[source] * LINE,
                output: Target::new(span, step.to.part),
                raw: step
                    .raw
                    .zip(raw.as_mut())
                    .map(|(place, buffer)| Target::new(Span::new(buffer), place.part)),
                residual: step
                    .residual
                    .zip(residual.as_ref())
                    .map(|(place, buffer)| Target::new(Span::shared(buffer), place.part)),
                next: self.first_filters(index + 1),
            };
            let output = (span, step.to.part);
            match (&step.layer, step.from) {
                (Layer::Convolution(layer), _) => layer.run(unit, isa, hands, items, &job),
                (Layer::Pooled(layer), _) => layer.run(unit, isa, hands, items, &job, output),
                (Layer::Average(epilogue), Some(from)) => {
                    let average = Pool::Average(epilogue);
                    pool(isa, hands, items, average, (job.input, from.part), output);
                }
                (&Layer::Max(window, is_positive), Some(from)) => {
                    let max = Pool::Max {
                        window,
                        is_positive,
                    };
                    pool(isa, hands, items, max, (job.input, from.part), output);
                }
                (_, None) => unreachable!("a pool of images is not compiled"),
            }
        }
    }
}

impl Layer {
    /// Whether nothing that it makes has a sign.
    pub(super) fn is_positive(&self) -> bool {
        match self {
            Self::Convolution(convolution) => convolution.epilogue.is_relu(),
            Self::Pooled(_) => true,
            Self::Average(_) => false,
            Self::Max(_, is_positive) => *is_positive,
        }
    }
}

impl Program {
    /// Filters that a step reads first, if there is such a step.
    fn first_filters(&self, step: usize) -> &[f32] {
        let Some(step) = self.steps.get(step) else {
            return &[];
        };
        let convolution = match &step.layer {
            Layer::Convolution(convolution) => convolution,
            Layer::Pooled(pooled) => pooled.convolution(),
            Layer::Average(_) | Layer::Max(..) => return &[],
        };
        convolution
            .tiling
            .panel(&self.filters[step.filters.clone()], 0)
    }
}

/// Lines of an image.
pub(super) const IMAGE_LINES: usize = image::WORDS / LINE;
