//! The 3D net: a ResNet over time, height and width. Every residual is taken before the batch norm that follows it.

use super::eco_2d::MAP_CHANNELS;
use super::inception::{HALF, SAME};
use super::layer::{Layer, Window};
use super::module::{Block, Child, Function, Part};

/// Values per clip that the 3D net makes.
pub(super) const FEATURES: usize = 512;

/// The name of the last stage.
pub(super) const LAST_STAGE: &str = "res_3d_5";
/// Channels of the volume that the last stage reads.
pub(super) const MIDDLE_CHANNELS: usize = 256;

/// Rows and columns of the last stage's output.
const LAST_MAP: usize = 7;
/// Rows and columns of its input.
pub(super) const MIDDLE_MAP: usize = 14;

fn convolution([inputs, outputs]: [usize; 2], window: Window) -> Layer {
    Layer::Convolution {
        axes: 3,
        inputs,
        outputs,
        window,
    }
}

fn norm(channels: usize) -> Layer {
    Layer::BatchNorm { axes: 3, channels }
}

/// Defines `b_1` and `b_2` of stage `stage`, the second residual pair: convolution, batch norm and ReLU, twice.
fn second_pair(block: &mut Block, stage: usize, channels: usize) -> [Child; 6] {
    let mut child = |name: &str, layer| block.child(format!("res{stage}{name}"), layer);
    [
        child("b_1", convolution([channels; 2], SAME)),
        child("b_1_bn", norm(channels)),
        child("b_1_relu", Layer::Relu),
        child("b_2", convolution([channels; 2], SAME)),
        child("b_bn", norm(channels)),
        child("b_relu", Layer::Relu),
    ]
}

/// A residual block at full size: `[batch, 96, T, H, W]` to `[batch, 128, T, H, W]`.
///
/// The notebook defines `res3b_1_relu` and runs `res3b_relu` in its place; so does this.
fn res_3d_3() -> Block {
    let (mut block, channels) = (Block::new("Resnet_3D_3"), 128);
    let a_2 = block.child("res3a_2", convolution([MAP_CHANNELS, channels], SAME));
    let a_bn = block.child("res3a_bn", norm(channels));
    let a_relu = block.child("res3a_relu", Layer::Relu);
    let [b_1, b_1_bn, _never_run, b_2, b_bn, b_relu] = second_pair(&mut block, 3, channels);
    let residual = block.run(Block::INPUT, &[a_2]);
    let out = block.run(residual, &[a_bn, a_relu, b_1, b_1_bn, b_relu, b_2]);
    let out = block.compute(Function::Add, &[out, residual]);
    block.run(out, &[b_bn, b_relu]);
    block
}

/// Halves time, height and width and doubles the channels, then a residual block at the new size:
/// `[batch, C, T, H, W]` to `[batch, 2C, T/2, H/2, W/2]`.
fn halving(type_name: &'static str, stage: usize, inputs: usize) -> Block {
    let (mut block, channels) = (Block::new(type_name), 2 * inputs);
    let mut child = |name: &str, layer| block.child(format!("res{stage}{name}"), layer);
    let a_1 = child("a_1", convolution([inputs, channels], HALF));
    let a_1_bn = child("a_1_bn", norm(channels));
    let a_1_relu = child("a_1_relu", Layer::Relu);
    let a_2 = child("a_2", convolution([channels; 2], SAME));
    let a_down = child("a_down", convolution([inputs, channels], HALF));
    let a_bn = child("a_bn", norm(channels));
    let a_relu = child("a_relu", Layer::Relu);
    let [b_1, b_1_bn, b_1_relu, b_2, b_bn, b_relu] = second_pair(&mut block, stage, channels);
    let residual = block.run(Block::INPUT, &[a_down]);
    let out = block.run(Block::INPUT, &[a_1, a_1_bn, a_1_relu, a_2]);
    let residual = block.compute(Function::Add, &[out, residual]);
    let out = block.run(residual, &[a_bn, a_relu, b_1, b_1_bn, b_1_relu, b_2]);
    let out = block.compute(Function::Add, &[out, residual]);
    block.run(out, &[b_bn, b_relu]);
    block
}

/// The 3D net: `[batch, segments, 96, 28, 28]` to features `[batch, 512]`. Its two parts are what comes before the last
/// stage, up to `[batch, 256, segments / 2, 14, 14]`, and the rest.
pub(super) fn eco_3d(segments: usize) -> (Block, [Part; 2]) {
    let mut block = Block::new("ECO_3D");
    let way = [
        block.child("res_3d_3", res_3d_3()),
        block.child("res_3d_4", halving("Resnet_3D_4", 4, 128)),
        block.child(LAST_STAGE, halving("Resnet_3D_5", 5, MIDDLE_CHANNELS)),
        block.child(
            "global_pool",
            Layer::AvgPool3d([segments / 4, LAST_MAP, LAST_MAP]),
        ),
    ];
    let [first @ .., last, pool] = way;
    let volume = block.compute(Function::Transpose(1, 2), &[Block::INPUT]);
    let middle = block.run(volume, &first);
    let begun = block.part(0, &[Block::INPUT], &[middle]);
    let from = block.len();
    let out = block.run(middle, &[last, pool]);
    let out = block.compute(Function::View(vec![-1, FEATURES as i64]), &[out]);
    let ended = block.part(from, &[middle], &[out]);
    (block, [begun, ended])
}
