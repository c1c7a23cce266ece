//! The 2D net: the first part of BN-Inception, on every frame by itself.

use super::inception::{A, B, C, HALF_POOL, SAME, convolution, unit};
use super::layer::window;
use super::module::Block;
use crate::recipe::Architecture;

/// Channels of the maps that the 2D net hands to the 3D net.
pub(super) const MAP_CHANNELS: usize = 96;

/// Convolutions and max pools: `[frames, 3, 224, 224]` to `[frames, 192, 28, 28]`.
fn basic_conv() -> Block {
    let mut block = Block::new("BasicConv");
    let stem = window(7).stride(2).padding(3);
    // The one ReLU whose name leaves out the stride.
    let first = unit(&mut block, "conv1_7x7_s2", "conv1_relu_7x7", [3, 64], stem);
    let first_pool = block.child("pool1_3x3_s2", HALF_POOL);
    let reduce = convolution(&mut block, "conv2_", "3x3_reduce", [64, 64], window(1));
    let second = convolution(&mut block, "conv2_", "3x3", [64, 192], SAME);
    let second_pool = block.child("pool2_3x3_s2", HALF_POOL);
    let way = [&first[..], &[first_pool], &reduce, &second, &[second_pool]].concat();
    block.run(Block::INPUT, &way);
    block
}

/// The part of the third inception block that comes before the 3D net: `[frames, 320, 28, 28]` to maps,
/// `[frames, 96, 28, 28]`. ECO-Full has the branch of one 3x3 convolution too, which makes `[frames, 160, 14, 14]`.
fn inception_c(architecture: Architecture) -> Block {
    let mut block = Block::new("InceptionC");
    let three = match architecture {
        Architecture::Lite => None,
        Architecture::Full => Some(C.three(&mut block)),
    };
    let double = C.double_begun(&mut block);
    let three = three.map(|branch| block.run(Block::INPUT, &branch));
    let maps = block.run(Block::INPUT, &double);
    block.returns(
        &[Some(maps), three]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>(),
    );
    block
}

/// The 2D net: `[frames, 3, 224, 224]` to maps, `[frames, 96, 28, 28]`.
///
/// In ECO-Full it also hands on what the rest of the 2D net reads: the 3x3 branch of 3c, `[frames, 160, 14, 14]`, and the
/// output of 3b, `[frames, 320, 28, 28]`.
pub(super) fn eco_2d(architecture: Architecture) -> Block {
    let mut block = Block::new("ECO_2D");
    let way = [
        block.child("basic_conv", basic_conv()),
        block.child("inception_a", A.block("InceptionA")),
        block.child("inception_b", B.block("InceptionB")),
    ];
    let inception_c = block.child("inception_c", inception_c(architecture));
    let wide = block.run(Block::INPUT, &way);
    let mut made = block.call(inception_c, &[wide]);
    if architecture == Architecture::Full {
        made.push(wide);
    }
    block.returns(&made);
    block
}
