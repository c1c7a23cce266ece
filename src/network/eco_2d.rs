//! The 2D net: the first part of BN-Inception, on every frame by itself.

use super::layer::{Layer, Window, window};
use super::module::{Block, Child, Function};

/// Channels of the maps that the 2D net hands to the 3D net.
pub const MAP_CHANNELS: usize = 96;

/// One inception block, a row of the paper's table: output channels of its convolutions.
struct Inception {
    type_name: &'static str,
    /// Layers are called `inception_{name}_...`.
    name: &'static str,
    inputs: usize,
    /// The 1x1 convolution on its own.
    single: usize,
    /// A 1x1 reduction, then a 3x3 convolution.
    three: [usize; 2],
    /// A 1x1 reduction, then two 3x3 convolutions.
    double: [usize; 3],
    /// The 1x1 convolution after a 3x3 average pool.
    projection: usize,
}

const INCEPTION_A: Inception = Inception {
    type_name: "InceptionA",
    name: "3a",
    inputs: 192,
    single: 64,
    three: [64, 64],
    double: [64, 96, 96],
    projection: 32,
};
const INCEPTION_B: Inception = Inception {
    type_name: "InceptionB",
    name: "3b",
    inputs: INCEPTION_A.outputs(),
    single: 64,
    three: [64, 96],
    double: [64, 96, 96],
    projection: 64,
};

impl Inception {
    const fn outputs(&self) -> usize {
        self.single + self.three[1] + self.double[2] + self.projection
    }

    /// Four branches side by side, concatenated: `[frames, inputs, 28, 28]` to `[frames, outputs, 28, 28]`.
    fn block(&self) -> Block {
        let mut block = Block::new(self.type_name);
        let (prefix, wide) = (format!("inception_{}_", self.name), window(3).padding(1));
        let [three, double] = [&self.three[..], &self.double[..]];
        let mut unit = |name: &str, channels: [usize; 2], window| {
            convolution(&mut block, &prefix, name, channels, window)
        };
        let branches = [
            unit("1x1", [self.inputs, self.single], window(1)).to_vec(),
            [
                unit("3x3_reduce", [self.inputs, three[0]], window(1)),
                unit("3x3", [three[0], three[1]], wide),
            ]
            .concat(),
            [
                unit("double_3x3_reduce", [self.inputs, double[0]], window(1)),
                unit("double_3x3_1", [double[0], double[1]], wide),
                unit("double_3x3_2", [double[1], double[2]], wide),
            ]
            .concat(),
        ];
        let pool = block.child(format!("{prefix}pool"), Layer::AvgPool2d(wide));
        let channels = [self.inputs, self.projection];
        let projection = convolution(&mut block, &prefix, "pool_proj", channels, window(1));
        let mut values = branches
            .map(|branch| block.run(Block::INPUT, &branch))
            .to_vec();
        let pooled = block.run(Block::INPUT, &[pool]);
        values.push(block.run(pooled, &projection));
        block.compute(Function::Concatenate, &values);
        block
    }
}

/// Defines a convolution, its batch norm and its ReLU under BN-Inception's names: `{prefix}{name}`, `{prefix}{name}_bn` and
/// `{prefix}relu_{name}`.
fn convolution(
    block: &mut Block,
    prefix: &str,
    name: &str,
    channels: [usize; 2],
    window: Window,
) -> [Child; 3] {
    let relu = format!("{prefix}relu_{name}");
    unit(block, &format!("{prefix}{name}"), relu, channels, window)
}

/// Defines a convolution called `name`, its batch norm, and its ReLU called `relu`.
fn unit(
    block: &mut Block,
    name: &str,
    relu: impl Into<String>,
    [inputs, outputs]: [usize; 2],
    window: Window,
) -> [Child; 3] {
    let (axes, channels) = (2, outputs);
    let convolution = Layer::Convolution {
        axes,
        inputs,
        outputs,
        window,
    };
    [
        block.child(name, convolution),
        block.child(format!("{name}_bn"), Layer::BatchNorm { axes, channels }),
        block.child(relu, Layer::Relu),
    ]
}

/// Convolutions and max pools: `[frames, 3, 224, 224]` to `[frames, 192, 28, 28]`.
fn basic_conv() -> Block {
    let mut block = Block::new("BasicConv");
    let half = Layer::MaxPool2d(window(3).stride(2));
    let stem = window(7).stride(2).padding(3);
    // The one ReLU whose name leaves out the stride.
    let first = unit(&mut block, "conv1_7x7_s2", "conv1_relu_7x7", [3, 64], stem);
    let first_pool = block.child("pool1_3x3_s2", half.clone());
    let reduce = convolution(&mut block, "conv2_", "3x3_reduce", [64, 64], window(1));
    let wide = window(3).padding(1);
    let second = convolution(&mut block, "conv2_", "3x3", [64, 192], wide);
    let second_pool = block.child("pool2_3x3_s2", half);
    let way = [&first[..], &[first_pool], &reduce, &second, &[second_pool]].concat();
    block.run(Block::INPUT, &way);
    block
}

/// The one branch of the third inception block that ECO-Lite keeps: `[frames, 320, 28, 28]` to `[frames, 96, 28, 28]`.
fn inception_c() -> Block {
    let (mut block, prefix) = (Block::new("InceptionC"), "inception_3c_");
    let channels = [INCEPTION_B.outputs(), 64];
    let reduce = convolution(&mut block, prefix, "double_3x3_reduce", channels, window(1));
    let (channels, wide) = ([64, MAP_CHANNELS], window(3).padding(1));
    let last = convolution(&mut block, prefix, "double_3x3_1", channels, wide);
    block.run(Block::INPUT, &[reduce, last].concat());
    block
}

/// The 2D net: `[frames, 3, 224, 224]` to `[frames, 96, 28, 28]`.
pub fn eco_2d() -> Block {
    let mut block = Block::new("ECO_2D");
    let way = [
        block.child("basic_conv", basic_conv()),
        block.child("inception_a", INCEPTION_A.block()),
        block.child("inception_b", INCEPTION_B.block()),
        block.child("inception_c", inception_c()),
    ];
    block.run(Block::INPUT, &way);
    block
}
