//! The 2-D network: an image to a 28x28 map of 96 channels, frame by frame.

use super::buffer::{Buffer, Span, View};
use super::convolution::{Convolution, Job, Output, Shape};
use super::pointwise::{Part, Pointwise};
use super::pooling::{AveragePoolRow, MaxPoolRow, max_pool_extent};
use super::simd::Isa;
use super::threads::{Crew, PerThread};
use std::ops::Range;

/// Rows and columns of an input image.
pub const IMAGE: usize = 224;
/// Colours of an input image.
const COLOURS: usize = 3;
/// Floats of an input frame, `[3, 224, 224]`.
pub const FRAME: usize = COLOURS * IMAGE * IMAGE;
/// Rows and columns of the output.
pub const MAP: usize = 28;
/// Channels of the output.
pub const MAP_CHANNELS: usize = 96;
/// Floats of the output of one frame.
pub const MAP_SIZE: usize = MAP * MAP * MAP_CHANNELS;

/// Rows and columns after the stem's pool.
const HALF: usize = 56;
/// Zeros around the image.
const PAD: usize = 3;
/// Rows and columns of the image after padding and 2x2 space-to-depth.
const DEPTH_IMAGE: usize = (IMAGE + 2 * PAD) / 2;
/// Its channels (12) filled up to a line.
const DEPTH_CHANNELS: usize = 16;
/// Channels of the widest concatenation.
const WIDEST: usize = 320;
/// Most tiles per block: their points stay in the second-level cache.
const TILES: usize = 49;
/// Fewest tiles per block: a register block of the matrix product.
const FEWEST_TILES: usize = 6;

/// The 2-D network.
pub struct FrameNet {
    /// conv1_7x7_s2 as a 4x4 convolution of the space-to-depth image.
    pub stem: Convolution,
    /// conv2_3x3_reduce.
    pub reduce: Pointwise,
    /// conv2_3x3.
    pub conv2: Convolution,
    /// inception_3a and inception_3b.
    pub inceptions: [Inception; 2],
    /// inception_3c_double_3x3_reduce.
    pub last_reduce: Pointwise,
    /// inception_3c_double_3x3_1.
    pub last: Convolution,
}

/// An inception block with four branches, concatenated.
pub struct Inception {
    /// 1x1, 3x3_reduce, double_3x3_reduce and pool_proj side by side.
    pub pointwise: Pointwise,
    /// 3x3.
    pub single: Convolution,
    /// double_3x3_1 and double_3x3_2.
    pub double: [Convolution; 2],
}

/// Channels of 3x3_reduce and double_3x3_reduce, and of the 1x1 branch.
const REDUCED: usize = 64;

/// Working memory of one thread.
#[derive(Default)]
pub struct Scratch {
    inputs: Buffer,
    products: Buffer,
    rows: Buffer,
}

/// Activations of some frames.
#[derive(Default)]
pub struct Activations {
    image: Buffer,
    maps: [Buffer; 2],
    concatenations: [Buffer; 2],
}

/// What a run of the network needs besides its weights.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The instruction set the filters are packed for.
    pub isa: Isa,
    /// Who shares the work on these frames.
    pub crew: Crew,
    /// Working memory.
    pub scratch: &'a PerThread<Scratch>,
}

impl FrameNet {
    /// Runs `frames`, `[n, 3, 224, 224]`, and writes `[n, 28, 28, 96]`.
    ///
    /// # Safety
    /// The output holds `n` items that nobody else uses meanwhile.
    pub unsafe fn run(
        &self,
        context: Context,
        frames: &[f32],
        memory: &mut Activations,
        output: View,
    ) {
        let n = frames.len() / FRAME;
        let Activations {
            image,
            maps: [a, b],
            concatenations: [x, y],
        } = memory;
        image.reserve(n * DEPTH_IMAGE * DEPTH_IMAGE * DEPTH_CHANNELS);
        a.reserve(n * HALF * HALF * REDUCED);
        b.reserve(n * HALF * HALF * REDUCED);
        x.reserve(n * MAP * MAP * WIDEST);
        y.reserve(n * MAP * MAP * WIDEST);
        let (image, [a, b, x, y]) = (image.span(), [a, b, x, y].map(|buffer| buffer.span()));
        let image = View::dense(image, [1, DEPTH_IMAGE, DEPTH_IMAGE], DEPTH_CHANNELS);
        let half = |span| View::dense(span, [1, HALF, HALF], REDUCED);
        let map = |span, channels| View::dense(span, [1, MAP, MAP], channels);
        // SAFETY: every view below is dense in a span of n items, and each step writes a view that it does not read.
        unsafe {
            context.crew.each(n * DEPTH_IMAGE, |task| {
                space_to_depth(
                    &frames[task / DEPTH_IMAGE * FRAME..][..FRAME],
                    task % DEPTH_IMAGE,
                    task / DEPTH_IMAGE,
                    image,
                );
            });
            context.pooled(&self.stem, n, DEPTH_IMAGE, image, half(a));
            self.reduce.run(
                context.isa,
                context.crew,
                n * HALF * HALF,
                half(a),
                &[Part::Finished(REDUCED, half(b))],
            );
            context.pooled(&self.conv2, n, HALF, half(b), map(x, self.conv2.outputs));
            let (mut from, mut to) = (x, y);
            for block in &self.inceptions {
                block.run(
                    context,
                    n,
                    map(from, block.pointwise.inputs),
                    map(to, block.width()),
                    [a, b],
                );
                std::mem::swap(&mut from, &mut to);
            }
            let (input, reduced_map) = (map(from, self.last_reduce.inputs), map(a, REDUCED));
            let parts = [Part::Finished(REDUCED, reduced_map)];
            self.last_reduce
                .run(context.isa, context.crew, n * MAP * MAP, input, &parts);
            context.plane(&self.last, n, reduced_map, output);
        }
    }
}

impl Inception {
    /// Channels of the projection after the average pool.
    fn projected(&self) -> usize {
        self.pointwise.epilogue.scale.len() - 3 * REDUCED
    }

    /// Channels of the output.
    fn width(&self) -> usize {
        REDUCED + self.single.outputs + self.double[1].outputs + self.projected()
    }

    /// Runs the block on `n` frames.
    ///
    /// # Safety
    /// The views hold `n` frames, `work` has room for two maps of the stem's size, and nobody else uses them.
    unsafe fn run(&self, context: Context, n: usize, input: View, output: View, work: [Span; 2]) {
        let pixels = n * MAP * MAP;
        let map = |span, channels| View::dense(span, [1, MAP, MAP], channels);
        let single_reduced = map(work[0], REDUCED);
        let double_reduced = map(work[0], REDUCED).skip(pixels * REDUCED);
        let (projection, middle) = (
            map(work[1], self.projected()),
            map(work[1], self.double[0].outputs),
        );
        let after_single = output.skip(REDUCED);
        let after_double = after_single.skip(self.single.outputs);
        let after_all = after_double.skip(self.double[1].outputs);
        // SAFETY: every view is dense in a span of n items, and each step writes a view that it does not read.
        unsafe {
            let parts = [
                Part::Finished(REDUCED, output),
                Part::Finished(REDUCED, single_reduced),
                Part::Finished(REDUCED, double_reduced),
                Part::Raw(self.projected(), projection),
            ];
            self.pointwise
                .run(context.isa, context.crew, pixels, input, &parts);
        }
        context.crew.each(n * MAP, |row| {
            context.isa.run(AveragePoolRow {
                input: projection,
                height: MAP,
                width: MAP,
                channels: self.projected(),
                output: after_all,
                epilogue: (&self.pointwise.epilogue, 3 * REDUCED),
                item: row / MAP,
                y: row % MAP,
            });
        });
        // SAFETY: as above; `middle` takes the place of the projection, which has been used.
        unsafe {
            context.plane(&self.single, n, single_reduced, after_single);
            context.plane(&self.double[0], n, double_reduced, middle);
            context.plane(&self.double[1], n, middle, after_double);
        }
    }
}

impl Context<'_> {
    /// A 3x3 convolution of `n` maps.
    ///
    /// # Safety
    /// The views hold `n` maps; nobody else uses the output.
    unsafe fn plane(self, convolution: &Convolution, n: usize, input: View, output: View) {
        let shape = Shape {
            items: n,
            frames: 1,
            height: MAP,
            width: MAP,
        };
        let [down, across, _] = convolution.grid(shape);
        let tiles = n * down * across;
        let blocks = tiles
            .div_ceil(TILES)
            .max(self.crew.parts(1, tiles / FEWEST_TILES));
        let job = Job {
            input,
            shape,
            output: Output::activation(output),
        };
        self.crew.each(blocks, |block| {
            // SAFETY: the blocks are disjoint.
            unsafe {
                self.tiles(
                    convolution,
                    &job,
                    block * tiles / blocks..(block + 1) * tiles / blocks,
                )
            }
        });
    }

    /// Some tiles of a convolution, with the thread's scratch.
    ///
    /// # Safety
    /// See [`Convolution::run`].
    unsafe fn tiles(self, convolution: &Convolution, job: &Job, tiles: Range<usize>) {
        self.scratch.with(|scratch| {
            let [v, m] = convolution.scratch(job.shape, tiles.len());
            scratch.inputs.reserve(v);
            scratch.products.reserve(m);
            // SAFETY: the scratch is this thread's; the rest is the caller's contract.
            unsafe {
                convolution.run(
                    self.isa,
                    Crew::Alone,
                    job,
                    tiles,
                    [scratch.inputs.span(), scratch.products.span()],
                )
            }
        });
    }

    /// A convolution of `n` square images of `side` pixels and the max pool after it, which takes rows as they come.
    ///
    /// # Safety
    /// The views hold `n` images; nobody else uses the output.
    unsafe fn pooled(
        self,
        convolution: &Convolution,
        n: usize,
        side: usize,
        input: View,
        output: View,
    ) {
        let shape = Shape {
            items: n,
            frames: 1,
            height: side,
            width: side,
        };
        let rows = max_pool_extent(convolution.output_shape(shape).height);
        // Each strip computes the tiles above its first row anew, so strips are few.
        let strips = self.crew.parts(n, rows / MOST_STRIPS_ROWS);
        let job = Job {
            input,
            shape,
            output: Output::activation(output),
        };
        self.crew.each(n * strips, |task| {
            let (item, strip) = (task / strips, task % strips);
            // SAFETY: the strips are disjoint.
            unsafe {
                self.strip(
                    convolution,
                    &job,
                    item,
                    strip * rows / strips..(strip + 1) * rows / strips,
                )
            }
        });
    }

    /// Pooled rows `rows` of an image, one row of tiles at a time.
    ///
    /// # Safety
    /// The views of the job hold `item`; nobody else uses these rows of the output.
    unsafe fn strip(self, convolution: &Convolution, job: &Job, item: usize, rows: Range<usize>) {
        let shape = convolution.output_shape(job.shape);
        let [down, across, _] = convolution.grid(job.shape);
        let row = shape.width * convolution.outputs;
        let mut ring = self
            .scratch
            .with(|scratch| std::mem::take(&mut scratch.rows));
        ring.reserve(2 * TILE * row);
        let span = ring.span();
        let place = |y: usize| y % (2 * TILE) * row;
        let mut next = rows.start;
        for y in 2 * rows.start / TILE..(2 * rows.end + 1).min(shape.height).div_ceil(TILE) {
            let view = View {
                first_row: y * TILE,
                strides: [convolution.outputs, row, 0, 0],
                ..View::dense(span, [1, 1, 1], 1).skip(place(y * TILE))
            };
            let into_ring = Job {
                output: Output::activation(view),
                ..*job
            };
            let first = (item * down + y) * across;
            // SAFETY: the ring is this thread's.
            unsafe { self.tiles(convolution, &into_ring, first..first + across) };
            while next < rows.end && (2 * next + 3).min(shape.height) <= (y + 1) * TILE {
                let window = [2 * next, 2 * next + 1, 2 * next + 2].map(place);
                let pooled = job.output.activation;
                self.isa.run(MaxPoolRow {
                    input: span,
                    rows: &window[..3.min(shape.height - 2 * next)],
                    width: shape.width,
                    channels: convolution.outputs,
                    output: (pooled.span, pooled.at(item, 0, next, 0)),
                });
                next += 1;
            }
        }
        self.scratch.with(|scratch| scratch.rows = ring);
    }
}

/// Rows and columns of a 2-D tile's output.
const TILE: usize = 4;
/// Pooled rows per strip at least.
const MOST_STRIPS_ROWS: usize = 7;

/// Row `i` of the padded image after 2x2 space-to-depth: pixel `[2i + p, 2j + q]` of colour `c` becomes channel
/// `(2p + q) * 3 + c` of pixel `[i, j]`.
///
/// # Safety
/// Nobody else uses this row of the output.
unsafe fn space_to_depth(frame: &[f32], i: usize, item: usize, output: View) {
    // SAFETY: one dense row of the output.
    let row = unsafe {
        output
            .span
            .slice_mut(output.at(item, 0, i, 0), DEPTH_IMAGE * DEPTH_CHANNELS)
    };
    for p in 0..2 {
        let Some(y) = (2 * i + p).checked_sub(PAD).filter(|&y| y < IMAGE) else {
            continue;
        };
        for c in 0..COLOURS {
            let line = &frame[(c * IMAGE + y) * IMAGE..][..IMAGE];
            for (x, &value) in line.iter().enumerate() {
                let (j, q) = ((x + PAD) / 2, (x + PAD) % 2);
                row[j * DEPTH_CHANNELS + (2 * p + q) * COLOURS + c] = value;
            }
        }
    }
}
