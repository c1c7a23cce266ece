//! A network as a list of steps from one place in memory to another.

use super::buffer::Buffer;
use super::convolution::{Convolution, Job};
use super::gemm::Epilogue;
use super::pointwise::Pointwise;
use super::pooling::average;
use super::simd::Isa;
use super::threads::Crew;
use super::view::{Shape, View};
use std::cell::RefCell;

/// Working memory of a network.
#[derive(Default)]
pub struct Memory {
    /// What its steps read and write. A step that wrote what it reads would panic.
    pub buffers: [RefCell<Buffer>; 5],
    /// See [`Convolution::run`].
    scratch: [Buffer; 3],
}

/// Where an activation lies: channels of the pixels of a buffer.
#[derive(Clone, Copy)]
pub struct Place {
    /// Which buffer.
    pub buffer: usize,
    /// Channels of a pixel there.
    width: usize,
    /// The first of them that is meant.
    first: usize,
    /// How many are meant.
    pub channels: usize,
}

impl Place {
    /// All channels of a buffer that has `channels`.
    pub fn new(buffer: usize, channels: usize) -> Self {
        Self {
            buffer,
            width: channels,
            first: 0,
            channels,
        }
    }

    /// What lies there.
    fn read(self, buffer: &[f32], shape: Shape) -> View<&[f32]> {
        View::new(&buffer[self.first..], shape, self.width, self.channels)
    }

    /// Room for what will lie there.
    fn write(self, buffer: &mut Buffer, shape: Shape) -> View<&mut [f32]> {
        let room = buffer.room(shape.pixels() * self.width);
        View::new(&mut room[self.first..], shape, self.width, self.channels)
    }

    /// Some of these channels.
    pub fn part(self, first: usize, channels: usize) -> Self {
        Self {
            first: self.first + first,
            channels,
            ..self
        }
    }
}

/// What a step computes.
pub enum Layer {
    /// A convolution by tiles.
    Tiles(Convolution),
    /// 1x1 convolutions.
    Pixels(Pointwise),
    /// An average pool and what follows it.
    Average(Epilogue),
}

/// A layer and what it reads and writes.
pub struct Step {
    /// What is computed.
    pub layer: Layer,
    /// The input: as large as the step before made its output.
    pub from: Place,
    /// The output.
    pub to: Place,
    /// Receives the sum before batch norm.
    pub raw: Option<Place>,
    /// Added to the sum.
    pub residual: Option<Place>,
}

impl Step {
    /// A step without residual.
    pub fn new(layer: Layer, from: Place, to: Place) -> Self {
        Self {
            layer,
            from,
            to,
            raw: None,
            residual: None,
        }
    }
}

/// Runs a network on an activation of `shape` that lies where the first step reads. Returns what the last one wrote.
pub fn run<'m>(
    steps: &[Step],
    isa: Isa,
    crew: Crew,
    mut shape: Shape,
    Memory { buffers, scratch }: &'m mut Memory,
) -> &'m [f32] {
    for step in steps {
        let out = step.layer.output_shape(shape);
        let mut output = buffers[step.to.buffer].borrow_mut();
        let mut raw = step.raw.map(|place| buffers[place.buffer].borrow_mut());
        let input = buffers[step.from.buffer].borrow();
        let residual = step.residual.map(|place| buffers[place.buffer].borrow());
        let job = Job {
            input: step.from.read(&input, shape),
            output: step.to.write(&mut output, out),
            raw: step
                .raw
                .zip(raw.as_mut())
                .map(|(place, buffer)| place.write(buffer, out)),
            residual: step
                .residual
                .zip(residual.as_ref())
                .map(|(place, buffer)| place.read(buffer, out)),
        };
        step.layer.run(isa, crew, job, scratch);
        shape = out;
    }
    match steps.last() {
        Some(Step { to, .. }) => buffers[to.buffer].get_mut().room(shape.pixels() * to.width),
        None => &[],
    }
}

impl Layer {
    fn output_shape(&self, shape: Shape) -> Shape {
        match self {
            Self::Tiles(convolution) => convolution.output_shape(shape),
            Self::Pixels(_) | Self::Average(_) => shape,
        }
    }

    fn run(&self, isa: Isa, crew: Crew, mut job: Job, scratch: &mut [Buffer; 3]) {
        match self {
            Self::Tiles(convolution) => convolution.run(isa, crew, &mut job, scratch),
            Self::Pixels(layer) => layer.run(isa, crew, job.input, job.output),
            Self::Average(epilogue) => average(isa, crew, epilogue, job.input, job.output),
        }
    }
}
