//! A network as a list of steps from one place in memory to another.

use super::convolution::{Convolution, Job};
use super::gemm::Epilogue;
use super::pointwise::Pointwise;
use super::pooling::{average, max};
use super::view::{Shape, View};
use crate::engine::cpu::buffer::Buffer;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::threads::Crew;
use crate::engine::plan::Place;
use crate::network::Window;
use std::cell::RefCell;

/// Working memory of a network.
#[derive(Default)]
pub(super) struct Memory {
    /// What its steps read and write. A step that wrote what it reads would panic.
    buffers: Vec<RefCell<Buffer>>,
    /// See [`Convolution::run`].
    scratch: [Buffer; 3],
}

impl Memory {
    /// Room for the input of a program: `len` floats, zero when they are new.
    pub(super) fn input(&mut self, len: usize) -> &mut [f32] {
        self.grow(1);
        self.buffers[0].get_mut().room(len)
    }

    fn grow(&mut self, buffers: usize) {
        let buffers = buffers.max(self.buffers.len());
        self.buffers.resize_with(buffers, RefCell::default);
    }
}

/// What a step computes.
pub(super) enum Layer {
    /// A convolution by tiles.
    Tiles(Convolution),
    /// 1x1 convolutions.
    Pixels(Pointwise),
    /// An average pool and what follows it.
    Average(Epilogue),
    /// A max pool.
    Max(Window),
}

/// A layer and what it reads and writes.
pub(super) struct Step {
    /// What is computed.
    pub layer: Layer,
    /// The input.
    pub from: Place,
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
    /// How many buffers they use.
    pub buffers: usize,
    /// Where the input lies: in the first buffer.
    pub input: Place,
    /// Where the outputs lie: the ones that are read whole each alone in its buffer.
    pub outputs: Vec<Place>,
}

impl Program {
    /// Values of the input of one item.
    pub(super) fn input_len(&self) -> usize {
        len(self.input)
    }

    /// Values of an output of one item.
    pub(super) fn output_len(&self, output: usize) -> usize {
        len(self.outputs[output])
    }

    /// Runs the steps on `items` items that lie in the memory's input.
    pub(super) fn run(&self, isa: Isa, crew: Crew, items: usize, memory: &mut Memory) {
        memory.grow(self.buffers);
        let Memory { buffers, scratch } = memory;
        for step in &self.steps {
            let mut output = buffers[step.to.buffer].borrow_mut();
            let mut raw = step.raw.map(|place| buffers[place.buffer].borrow_mut());
            let input = buffers[step.from.buffer].borrow();
            let residual = step.residual.map(|place| buffers[place.buffer].borrow());
            let mut job = Job {
                input: read(step.from, &input, items),
                output: write(step.to, &mut output, items),
                raw: step
                    .raw
                    .zip(raw.as_mut())
                    .map(|(place, buffer)| write(place, buffer, items)),
                residual: step
                    .residual
                    .zip(residual.as_ref())
                    .map(|(place, buffer)| read(place, buffer, items)),
            };
            match &step.layer {
                Layer::Tiles(convolution) => convolution.run(isa, crew, &mut job, scratch),
                Layer::Pixels(layer) => layer.run(isa, crew, job.input, job.output),
                Layer::Average(epilogue) => average(isa, crew, epilogue, job.input, job.output),
                Layer::Max(window) => max(isa, crew, *window, job.input, job.output),
            }
        }
    }

    /// An output of the last run, which was on `items` items.
    pub(super) fn output<'m>(
        &self,
        output: usize,
        items: usize,
        memory: &'m mut Memory,
    ) -> &'m [f32] {
        let buffer = memory.buffers[self.outputs[output].buffer].get_mut();
        buffer.room(items * self.output_len(output))
    }

    /// The channels of an output of the last run, which was on `items` items.
    pub(super) fn view<'m>(
        &self,
        output: usize,
        items: usize,
        memory: &'m mut Memory,
    ) -> View<&'m [f32]> {
        let place = self.outputs[output];
        read(place, memory.buffers[place.buffer].get_mut(), items)
    }
}

/// Values of one item there.
fn len(place: Place) -> usize {
    shape(place, 1).pixels() * place.width
}

fn shape(place: Place, items: usize) -> Shape {
    let [frames, height, width] = place.extents;
    Shape {
        items,
        frames,
        height,
        width,
    }
}

/// What lies at a place.
fn read(place: Place, buffer: &[f32], items: usize) -> View<&[f32]> {
    View::new(
        &buffer[place.first..],
        shape(place, items),
        place.width,
        place.channels,
    )
}

/// Room for what will lie there.
fn write(place: Place, buffer: &mut Buffer, items: usize) -> View<&mut [f32]> {
    let shape = shape(place, items);
    let room = buffer.room(shape.pixels() * place.width);
    View::new(&mut room[place.first..], shape, place.width, place.channels)
}
