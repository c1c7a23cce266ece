//! The 3D net: a ResNet over time, height and width. Every residual is taken before the batch norm that follows it.

use super::layer::{AvgPool3d, BatchNorm3d, Conv3d, ReLU, window};
use super::module::{module, through};

module! {
    /// A residual block at full size: `[batch, 96, T, H, W]` to `[batch, 128, T, H, W]`.
    ///
    /// The notebook defines `res3b_1_relu` and runs `res3b_relu` in its place; so does this.
    pub struct Resnet3d3 as "Resnet_3D_3"() {
        res3a_2: Conv3d(96, 128, window(3).padding(1)),
        res3a_bn: BatchNorm3d(128),
        res3a_relu: ReLU(),
        res3b_1: Conv3d(128, 128, window(3).padding(1)),
        res3b_1_bn: BatchNorm3d(128),
        res3b_1_relu: ReLU(),
        res3b_2: Conv3d(128, 128, window(3).padding(1)),
        res3b_bn: BatchNorm3d(128),
        res3b_relu: ReLU(),
    }

    fn forward(&self, flow, x) {
        let residual = through!(flow, self, x => res3a_2);
        let out = through!(flow, self, &residual => res3a_bn, res3a_relu, res3b_1, res3b_1_bn, res3b_relu, res3b_2);
        let out = flow.add_(out, &residual)?;
        Ok(through!(flow, self, &out => res3b_bn, res3b_relu))
    }
}

module! {
    /// Halves time, height and width and doubles the channels, then a residual block at the new size:
    /// `[batch, 128, T, H, W]` to `[batch, 256, T/2, H/2, W/2]`.
    pub struct Resnet3d4 as "Resnet_3D_4"() {
        res4a_1: Conv3d(128, 256, window(3).stride(2).padding(1)),
        res4a_1_bn: BatchNorm3d(256),
        res4a_1_relu: ReLU(),
        res4a_2: Conv3d(256, 256, window(3).padding(1)),
        res4a_down: Conv3d(128, 256, window(3).stride(2).padding(1)),
        res4a_bn: BatchNorm3d(256),
        res4a_relu: ReLU(),
        res4b_1: Conv3d(256, 256, window(3).padding(1)),
        res4b_1_bn: BatchNorm3d(256),
        res4b_1_relu: ReLU(),
        res4b_2: Conv3d(256, 256, window(3).padding(1)),
        res4b_bn: BatchNorm3d(256),
        res4b_relu: ReLU(),
    }

    fn forward(&self, flow, x) {
        let residual = through!(flow, self, x => res4a_down);
        let out = through!(flow, self, x => res4a_1, res4a_1_bn, res4a_1_relu, res4a_2);
        let residual = flow.add_(out, &residual)?;
        let out = through!(flow, self, &residual => res4a_bn, res4a_relu, res4b_1, res4b_1_bn, res4b_1_relu, res4b_2);
        let out = flow.add_(out, &residual)?;
        Ok(through!(flow, self, &out => res4b_bn, res4b_relu))
    }
}

module! {
    /// Halves time, height and width and doubles the channels, then a residual block at the new size:
    /// `[batch, 256, T, H, W]` to `[batch, 512, T/2, H/2, W/2]`.
    pub struct Resnet3d5 as "Resnet_3D_5"() {
        res5a_1: Conv3d(256, 512, window(3).stride(2).padding(1)),
        res5a_1_bn: BatchNorm3d(512),
        res5a_1_relu: ReLU(),
        res5a_2: Conv3d(512, 512, window(3).padding(1)),
        res5a_down: Conv3d(256, 512, window(3).stride(2).padding(1)),
        res5a_bn: BatchNorm3d(512),
        res5a_relu: ReLU(),
        res5b_1: Conv3d(512, 512, window(3).padding(1)),
        res5b_1_bn: BatchNorm3d(512),
        res5b_1_relu: ReLU(),
        res5b_2: Conv3d(512, 512, window(3).padding(1)),
        res5b_bn: BatchNorm3d(512),
        res5b_relu: ReLU(),
    }

    fn forward(&self, flow, x) {
        let residual = through!(flow, self, x => res5a_down);
        let out = through!(flow, self, x => res5a_1, res5a_1_bn, res5a_1_relu, res5a_2);
        let residual = flow.add_(out, &residual)?;
        let out = through!(flow, self, &residual => res5a_bn, res5a_relu, res5b_1, res5b_1_bn, res5b_1_relu, res5b_2);
        let out = flow.add_(out, &residual)?;
        Ok(through!(flow, self, &out => res5b_bn, res5b_relu))
    }
}

module! {
    /// The 3D net: `[batch, segments, 96, 28, 28]` to features `[batch, 512]`.
    pub struct Eco3d as "ECO_3D"(segments: i64) {
        res_3d_3: Resnet3d3(),
        res_3d_4: Resnet3d4(),
        res_3d_5: Resnet3d5(),
        global_pool: AvgPool3d([segments / 4, 7, 7]),
    }

    fn forward(&self, flow, x) {
        let out = flow.transpose(x, 1, 2)?;
        let out = through!(flow, self, &out => res_3d_3, res_3d_4, res_3d_5, global_pool);
        let [batch, channels] = [out.size()[0], out.size()[1]];
        flow.view(&out, &[batch, channels])
    }
}
