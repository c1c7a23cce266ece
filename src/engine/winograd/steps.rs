//! A network as a list of steps from one place in memory to another.

use super::buffer::Buffer;
use super::convolution::{Convolution, Job};
use super::gemm::Epilogue;
use super::pointwise::Pointwise;
use super::pooling::{PoolRow, STRIP_ROWS, Scratch, max_pool_extent, pooled};
use super::simd::Isa;
use super::threads::{Crew, PerThread, share};
use super::view::{Shape, View};

/// Buffers that the steps of a network share.
pub const BUFFERS: usize = 5;
/// Their memory.
pub type Memory = [Buffer; BUFFERS];

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
    /// A 2-D convolution and the 3x3 stride-2 max pool after it.
    Pooled(Convolution),
    /// 1x1 convolutions.
    Pixels(Pointwise),
    /// A 3x3 stride-1 average pool.
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

/// What a run needs besides the network.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The instruction set the filters are packed for.
    pub isa: Isa,
    /// Who shares the work.
    pub crew: Crew,
    /// Working memory of each thread.
    pub scratch: &'a PerThread<Scratch>,
}

/// Runs a network on an activation of `shape` that lies where the first step reads; the shape of what the last one wrote.
pub fn run(steps: &[Step], context: Context, shape: Shape, memory: &mut Memory) -> Shape {
    steps.iter().fold(shape, |shape, step| {
        let out = step.layer.output_shape(shape);
        for place in [Some(step.to), step.raw].into_iter().flatten() {
            memory[place.buffer].reserve(out.pixels() * place.width);
        }
        let spans = memory.each_mut().map(Buffer::span);
        let view =
            |shape, place: Place| View::dense(spans[place.buffer], shape, place.width, place.first);
        let job = Job {
            input: view(shape, step.from),
            shape,
            output: view(out, step.to),
            raw: step.raw.map(|place| view(out, place)),
            residual: step.residual.map(|place| view(out, place)),
        };
        // SAFETY: dense views in buffers with room for them, and no step writes what it reads, but for a residual, which
        // is read where the same pixel is written.
        unsafe { step.layer.run(context, job) };
        out
    })
}

impl Layer {
    fn output_shape(&self, shape: Shape) -> Shape {
        match self {
            Self::Tiles(convolution) => convolution.output_shape(shape),
            Self::Pooled(convolution) => {
                let out = convolution.output_shape(shape);
                Shape {
                    height: max_pool_extent(out.height),
                    width: max_pool_extent(out.width),
                    ..out
                }
            }
            Self::Pixels(_) | Self::Average(_) => shape,
        }
    }

    /// # Safety
    /// The views of the job hold the extents they are described by, and nobody else uses the outputs.
    unsafe fn run(&self, context: Context, job: Job) {
        let Context { isa, crew, scratch } = context;
        let (items, height) = (job.shape.items, job.shape.height);
        match self {
            Self::Tiles(convolution) => {
                let [down, across, _] = convolution.grid(job.shape);
                let tiles = 0..items * down * across;
                // SAFETY: the caller's contract.
                scratch.with(|own| unsafe {
                    convolution.run(isa, crew, job, tiles, &mut own.tiles);
                });
            }
            Self::Pooled(convolution) => {
                let rows = self.output_shape(job.shape).height;
                let strips = rows / STRIP_ROWS;
                crew.grid([items, strips], |items, range| {
                    for item in items {
                        let [first, end] =
                            [range.start, range.end].map(|strip| share(rows, strip, strips).start);
                        // SAFETY: the caller's contract; tasks have different rows.
                        scratch.with(|own| unsafe {
                            pooled(isa, convolution, job, item, first..end, own);
                        });
                    }
                });
            }
            // SAFETY: the caller's contract.
            Self::Pixels(layer) => unsafe {
                layer.run(isa, crew, job.shape.pixels(), job.input, job.output);
            },
            Self::Average(epilogue) => crew.grid([items * height, 1], |rows, _| {
                for row in rows {
                    let (item, y) = (row / height, row % height);
                    let near = y.saturating_sub(1)..(y + 2).min(height);
                    let starts: Vec<_> = near.map(|y| job.input.at(item, 0, y, 0)).collect();
                    isa.run(PoolRow {
                        input: job.input.span,
                        rows: &starts,
                        width: job.shape.width,
                        pixels: [job.input.strides[0], job.output.strides[0]],
                        channels: epilogue.channels(),
                        output: (job.output.span, job.output.at(item, 0, y, 0)),
                        average: Some(epilogue),
                    });
                }
            }),
        }
    }
}
