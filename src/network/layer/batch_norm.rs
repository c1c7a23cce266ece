use tch::Tensor;

use crate::network::{Attribute, Builder, Entry, Flow, Module, Result, Role, Value};

/// Added to the variance before the root, PyTorch's and Caffe's default.
pub const EPS: f64 = 1e-5;
/// Weight of a new batch in the running statistics; has no effect at inference.
const MOMENTUM: f64 = 0.1;

macro_rules! batch_norm {
    ($(#[$meta:meta])* $name:ident, $type_name:literal) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name {
            /// Channels, the second axis.
            pub num_features: i64,
            /// Scale, `[num_features]`.
            pub weight: Tensor,
            /// Shift, `[num_features]`.
            pub bias: Tensor,
            /// Mean that is subtracted, `[num_features]`.
            pub running_mean: Tensor,
            /// Variance whose root is divided by, `[num_features]`.
            pub running_var: Tensor,
            /// Batches seen in training, an int64 scalar; carried along, never used here.
            pub num_batches_tracked: Tensor,
        }

        impl $name {
            /// Batch norm over `num_features` channels, at inference.
            pub fn new(num_features: i64, builder: &mut Builder<'_>) -> Result<Self> {
                let mut vector = |name| builder.tensor(name, &[num_features]);
                Ok(Self {
                    num_features,
                    weight: vector("weight")?,
                    bias: vector("bias")?,
                    running_mean: vector("running_mean")?,
                    running_var: vector("running_var")?,
                    num_batches_tracked: builder.counter("num_batches_tracked")?,
                })
            }
        }

        impl Module for $name {
            fn type_name(&self) -> &'static str {
                $type_name
            }

            fn attributes(&self) -> Vec<Attribute> {
                vec![
                    Attribute::value("num_features", self.num_features),
                    Attribute::named("eps", EPS),
                    Attribute::named("momentum", MOMENTUM),
                    Attribute::named("affine", true),
                    Attribute::named("bias", true),
                    Attribute::named("track_running_stats", true),
                ]
            }

            fn entries(&self) -> Vec<Entry<'_>> {
                let entry = |name, tensor, role| Entry { name, tensor, role };
                vec![
                    entry("weight", &self.weight, Role::Parameter),
                    entry("bias", &self.bias, Role::Parameter),
                    entry("running_mean", &self.running_mean, Role::Buffer),
                    entry("running_var", &self.running_var, Role::Buffer),
                    entry("num_batches_tracked", &self.num_batches_tracked, Role::Buffer),
                ]
            }

            fn forward(&self, flow: &mut Flow<'_>, x: &Value) -> Result<Value> {
                flow.op("aten::batch_norm", &[x], || {
                    x.tensor().f_batch_norm(
                        Some(&self.weight),
                        Some(&self.bias),
                        Some(&self.running_mean),
                        Some(&self.running_var),
                        false,
                        MOMENTUM,
                        EPS,
                        true,
                    )
                })
            }
        }
    };
}

batch_norm! {
    /// Batch norm on `[batch, channels, height, width]`.
    BatchNorm2d, "BatchNorm2d"
}
batch_norm! {
    /// Batch norm on `[batch, channels, time, height, width]`.
    BatchNorm3d, "BatchNorm3d"
}
