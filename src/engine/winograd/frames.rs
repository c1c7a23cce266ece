//! The 2-D network: an image to a 28x28 map of 96 channels, frame by frame.

use super::buffer::{Buffer, Span, View};
use super::convolution::{Convolution, Shape};
use super::planes::Context;
use super::pointwise::{Part, Pointwise};
use super::pooling::AveragePoolRow;

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

/// Activations of some frames.
#[derive(Default)]
pub struct Activations {
    image: Buffer,
    maps: [Buffer; 2],
    concatenations: [Buffer; 2],
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
            context.pooled(&self.stem, Shape::images(n, DEPTH_IMAGE), image, half(a));
            self.reduce.run(
                context.isa,
                context.crew,
                n * HALF * HALF,
                half(a),
                &[Part::Finished(REDUCED, half(b))],
            );
            context.pooled(
                &self.conv2,
                Shape::images(n, HALF),
                half(b),
                map(x, self.conv2.outputs),
            );
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
            context.plane(&self.last, Shape::images(n, MAP), reduced_map, output);
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
        let maps = Shape::images(n, MAP);
        let pixels = maps.pixels();
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
            context.plane(&self.single, maps, single_reduced, after_single);
            context.plane(&self.double[0], maps, double_reduced, middle);
            context.plane(&self.double[1], maps, middle, after_double);
        }
    }
}

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
