//! The 2D net: the first part of BN-Inception, on every frame by itself.

use super::layer::{AvgPool2d, BatchNorm2d, Conv2d, MaxPool2d, ReLU, window};
use super::module::{module, through};

module! {
    /// Convolutions and max pools: `[frames, 3, 224, 224]` to `[frames, 192, 28, 28]`.
    pub struct BasicConv as "BasicConv"() {
        conv1_7x7_s2: Conv2d(3, 64, window(7).stride(2).padding(3)),
        conv1_7x7_s2_bn: BatchNorm2d(64),
        conv1_relu_7x7: ReLU(),
        pool1_3x3_s2: MaxPool2d(window(3).stride(2)),
        conv2_3x3_reduce: Conv2d(64, 64, window(1)),
        conv2_3x3_reduce_bn: BatchNorm2d(64),
        conv2_relu_3x3_reduce: ReLU(),
        conv2_3x3: Conv2d(64, 192, window(3).padding(1)),
        conv2_3x3_bn: BatchNorm2d(192),
        conv2_relu_3x3: ReLU(),
        pool2_3x3_s2: MaxPool2d(window(3).stride(2)),
    }

    fn forward(&self, flow, x) {
        Ok(through!(flow, self, x =>
            conv1_7x7_s2, conv1_7x7_s2_bn, conv1_relu_7x7, pool1_3x3_s2,
            conv2_3x3_reduce, conv2_3x3_reduce_bn, conv2_relu_3x3_reduce,
            conv2_3x3, conv2_3x3_bn, conv2_relu_3x3, pool2_3x3_s2))
    }
}

module! {
    /// Four branches side by side, concatenated: `[frames, 192, 28, 28]` to `[frames, 256, 28, 28]`.
    pub struct InceptionA as "InceptionA"() {
        inception_3a_1x1: Conv2d(192, 64, window(1)),
        inception_3a_1x1_bn: BatchNorm2d(64),
        inception_3a_relu_1x1: ReLU(),
        inception_3a_3x3_reduce: Conv2d(192, 64, window(1)),
        inception_3a_3x3_reduce_bn: BatchNorm2d(64),
        inception_3a_relu_3x3_reduce: ReLU(),
        inception_3a_3x3: Conv2d(64, 64, window(3).padding(1)),
        inception_3a_3x3_bn: BatchNorm2d(64),
        inception_3a_relu_3x3: ReLU(),
        inception_3a_double_3x3_reduce: Conv2d(192, 64, window(1)),
        inception_3a_double_3x3_reduce_bn: BatchNorm2d(64),
        inception_3a_relu_double_3x3_reduce: ReLU(),
        inception_3a_double_3x3_1: Conv2d(64, 96, window(3).padding(1)),
        inception_3a_double_3x3_1_bn: BatchNorm2d(96),
        inception_3a_relu_double_3x3_1: ReLU(),
        inception_3a_double_3x3_2: Conv2d(96, 96, window(3).padding(1)),
        inception_3a_double_3x3_2_bn: BatchNorm2d(96),
        inception_3a_relu_double_3x3_2: ReLU(),
        inception_3a_pool: AvgPool2d(window(3).padding(1)),
        inception_3a_pool_proj: Conv2d(192, 32, window(1)),
        inception_3a_pool_proj_bn: BatchNorm2d(32),
        inception_3a_relu_pool_proj: ReLU(),
    }

    fn forward(&self, flow, x) {
        let branch1 = through!(flow, self, x => inception_3a_1x1, inception_3a_1x1_bn, inception_3a_relu_1x1);
        let branch2 = through!(flow, self, x => inception_3a_3x3_reduce, inception_3a_3x3_reduce_bn, inception_3a_relu_3x3_reduce, inception_3a_3x3, inception_3a_3x3_bn, inception_3a_relu_3x3);
        let branch3 = through!(flow, self, x => inception_3a_double_3x3_reduce, inception_3a_double_3x3_reduce_bn, inception_3a_relu_double_3x3_reduce, inception_3a_double_3x3_1, inception_3a_double_3x3_1_bn, inception_3a_relu_double_3x3_1, inception_3a_double_3x3_2, inception_3a_double_3x3_2_bn, inception_3a_relu_double_3x3_2);
        let branch4 = through!(flow, self, x => inception_3a_pool, inception_3a_pool_proj, inception_3a_pool_proj_bn, inception_3a_relu_pool_proj);
        flow.cat(&[&branch1, &branch2, &branch3, &branch4], 1)
    }
}

module! {
    /// Four branches side by side, concatenated: `[frames, 256, 28, 28]` to `[frames, 320, 28, 28]`.
    pub struct InceptionB as "InceptionB"() {
        inception_3b_1x1: Conv2d(256, 64, window(1)),
        inception_3b_1x1_bn: BatchNorm2d(64),
        inception_3b_relu_1x1: ReLU(),
        inception_3b_3x3_reduce: Conv2d(256, 64, window(1)),
        inception_3b_3x3_reduce_bn: BatchNorm2d(64),
        inception_3b_relu_3x3_reduce: ReLU(),
        inception_3b_3x3: Conv2d(64, 96, window(3).padding(1)),
        inception_3b_3x3_bn: BatchNorm2d(96),
        inception_3b_relu_3x3: ReLU(),
        inception_3b_double_3x3_reduce: Conv2d(256, 64, window(1)),
        inception_3b_double_3x3_reduce_bn: BatchNorm2d(64),
        inception_3b_relu_double_3x3_reduce: ReLU(),
        inception_3b_double_3x3_1: Conv2d(64, 96, window(3).padding(1)),
        inception_3b_double_3x3_1_bn: BatchNorm2d(96),
        inception_3b_relu_double_3x3_1: ReLU(),
        inception_3b_double_3x3_2: Conv2d(96, 96, window(3).padding(1)),
        inception_3b_double_3x3_2_bn: BatchNorm2d(96),
        inception_3b_relu_double_3x3_2: ReLU(),
        inception_3b_pool: AvgPool2d(window(3).padding(1)),
        inception_3b_pool_proj: Conv2d(256, 64, window(1)),
        inception_3b_pool_proj_bn: BatchNorm2d(64),
        inception_3b_relu_pool_proj: ReLU(),
    }

    fn forward(&self, flow, x) {
        let branch1 = through!(flow, self, x => inception_3b_1x1, inception_3b_1x1_bn, inception_3b_relu_1x1);
        let branch2 = through!(flow, self, x => inception_3b_3x3_reduce, inception_3b_3x3_reduce_bn, inception_3b_relu_3x3_reduce, inception_3b_3x3, inception_3b_3x3_bn, inception_3b_relu_3x3);
        let branch3 = through!(flow, self, x => inception_3b_double_3x3_reduce, inception_3b_double_3x3_reduce_bn, inception_3b_relu_double_3x3_reduce, inception_3b_double_3x3_1, inception_3b_double_3x3_1_bn, inception_3b_relu_double_3x3_1, inception_3b_double_3x3_2, inception_3b_double_3x3_2_bn, inception_3b_relu_double_3x3_2);
        let branch4 = through!(flow, self, x => inception_3b_pool, inception_3b_pool_proj, inception_3b_pool_proj_bn, inception_3b_relu_pool_proj);
        flow.cat(&[&branch1, &branch2, &branch3, &branch4], 1)
    }
}

module! {
    /// The one branch of the third inception block that ECO keeps: `[frames, 320, 28, 28]` to `[frames, 96, 28, 28]`.
    pub struct InceptionC as "InceptionC"() {
        inception_3c_double_3x3_reduce: Conv2d(320, 64, window(1)),
        inception_3c_double_3x3_reduce_bn: BatchNorm2d(64),
        inception_3c_relu_double_3x3_reduce: ReLU(),
        inception_3c_double_3x3_1: Conv2d(64, 96, window(3).padding(1)),
        inception_3c_double_3x3_1_bn: BatchNorm2d(96),
        inception_3c_relu_double_3x3_1: ReLU(),
    }

    fn forward(&self, flow, x) {
        Ok(through!(flow, self, x =>
            inception_3c_double_3x3_reduce, inception_3c_double_3x3_reduce_bn, inception_3c_relu_double_3x3_reduce,
            inception_3c_double_3x3_1, inception_3c_double_3x3_1_bn, inception_3c_relu_double_3x3_1))
    }
}

module! {
    /// The 2D net: `[frames, 3, 224, 224]` to `[frames, 96, 28, 28]`.
    pub struct Eco2d as "ECO_2D"() {
        basic_conv: BasicConv(),
        inception_a: InceptionA(),
        inception_b: InceptionB(),
        inception_c: InceptionC(),
    }

    fn forward(&self, flow, x) {
        Ok(through!(flow, self, x => basic_conv, inception_a, inception_b, inception_c))
    }
}
