use tch::{Device, Kind, Tensor};

use super::Window;
use crate::network::{
    Attribute, Builder, Entry, Flow, Module, Result, Role, Shown, Value, parameters,
};

/// Whether to ask oneDNN straight away. libtorch would ask it too, except for a single small volume (the last stage of
/// one clip), which it leaves to a loop that takes three times as long.
fn onednn_computes(x: &Tensor) -> bool {
    x.device() == Device::Cpu
        && x.kind() == Kind::Float
        && x.numel() > 0
        && tch::utils::has_mkldnn()
}

macro_rules! convolution {
    ($(#[$meta:meta])* $name:ident, $type_name:literal, $axes:literal) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name {
            /// Input channels.
            pub in_channels: i64,
            /// Output channels.
            pub out_channels: i64,
            /// Kernel, stride and padding.
            pub window: Window,
            /// `[out_channels, in_channels, kernel, ...]`.
            pub weight: Tensor,
            /// `[out_channels]`.
            pub bias: Tensor,
        }

        impl $name {
            /// A convolution with bias from `in_channels` to `out_channels`.
            pub fn new(
                in_channels: i64,
                out_channels: i64,
                window: Window,
                builder: &mut Builder<'_>,
            ) -> Result<Self> {
                let mut shape = vec![out_channels, in_channels];
                shape.extend([window.kernel; $axes]);
                let weight = builder.tensor("weight", &shape)?;
                let bias = builder.tensor("bias", &[out_channels])?;
                Ok(Self { in_channels, out_channels, window, weight, bias })
            }
        }

        impl Module for $name {
            fn type_name(&self) -> &'static str {
                $type_name
            }

            fn attributes(&self) -> Vec<Attribute> {
                let Window { kernel, stride, padding } = self.window;
                let shown = if padding > 0 { Shown::Named } else { Shown::Hidden };
                vec![
                    Attribute::value("in_channels", self.in_channels),
                    Attribute::value("out_channels", self.out_channels),
                    Attribute::named("kernel_size", [kernel; $axes]),
                    Attribute::named("stride", [stride; $axes]),
                    Attribute::named("padding", [padding; $axes]).shown(shown),
                ]
            }

            fn macs(&self, output: &[i64]) -> i64 {
                let [batch, _, positions @ ..] = output else {
                    return 0;
                };
                batch * positions.iter().product::<i64>() * parameters(self.entries())
            }

            fn entries(&self) -> Vec<Entry<'_>> {
                vec![
                    Entry { name: "weight", tensor: &self.weight, role: Role::Parameter },
                    Entry { name: "bias", tensor: &self.bias, role: Role::Parameter },
                ]
            }

            fn forward(&self, flow: &mut Flow<'_>, x: &Value) -> Result<Value> {
                let Window { stride, padding, .. } = self.window;
                let (stride, padding, dilation) = ([stride; $axes], [padding; $axes], [1; $axes]);
                let (weight, bias, groups) = (&self.weight, Some(&self.bias), 1);
                flow.op("aten::_convolution", &[x], || {
                    let x = x.tensor();
                    if onednn_computes(x) {
                        return x.f_mkldnn_convolution(weight, bias, padding, stride, dilation, groups);
                    }
                    let (transposed, output_padding) = (false, [0; $axes]);
                    x.f_convolution(weight, bias, stride, padding, dilation, transposed, output_padding, groups)
                })
            }
        }
    };
}

convolution! {
    /// 2D convolution with bias on `[batch, channels, height, width]`.
    Conv2d, "Conv2d", 2
}
convolution! {
    /// 3D convolution with bias on `[batch, channels, time, height, width]`.
    Conv3d, "Conv3d", 3
}
