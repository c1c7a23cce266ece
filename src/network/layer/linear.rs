use tch::Tensor;

use crate::network::{Attribute, Builder, Entry, Flow, Module, Result, Role, Value};

/// An affine map of the last axis.
#[derive(Debug)]
pub struct Linear {
    /// Length of the last axis of the input.
    pub in_features: i64,
    /// Length of the last axis of the output.
    pub out_features: i64,
    /// `[out_features, in_features]`.
    pub weight: Tensor,
    /// `[out_features]`.
    pub bias: Tensor,
}

impl Linear {
    /// The map from `in_features` to `out_features`, with bias.
    pub fn new(in_features: i64, out_features: i64, builder: &mut Builder<'_>) -> Result<Self> {
        let weight = builder.tensor("weight", &[out_features, in_features])?;
        let bias = builder.tensor("bias", &[out_features])?;
        Ok(Self {
            in_features,
            out_features,
            weight,
            bias,
        })
    }
}

impl Module for Linear {
    fn type_name(&self) -> &'static str {
        "Linear"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![
            Attribute::named("in_features", self.in_features),
            Attribute::named("out_features", self.out_features),
            Attribute::named("bias", true),
        ]
    }

    fn entries(&self) -> Vec<Entry<'_>> {
        vec![
            Entry {
                name: "weight",
                tensor: &self.weight,
                role: Role::Parameter,
            },
            Entry {
                name: "bias",
                tensor: &self.bias,
                role: Role::Parameter,
            },
        ]
    }

    fn forward(&self, flow: &mut Flow<'_>, x: &Value) -> Result<Value> {
        flow.op("aten::linear", &[x], || {
            x.tensor().f_linear(&self.weight, Some(&self.bias))
        })
    }
}
