use crate::network::{Attribute, Builder, Flow, Module, Result, Value};

/// `max(x, 0)`, written over its input as the notebook declares it (`inplace=True`).
#[derive(Debug)]
pub struct ReLU;

impl ReLU {
    /// The layer; it has no tensors.
    pub fn new(_: &mut Builder<'_>) -> Result<Self> {
        Ok(Self)
    }
}

impl Module for ReLU {
    fn type_name(&self) -> &'static str {
        "ReLU"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::named("inplace", true)]
    }

    fn forward(&self, flow: &mut Flow<'_>, x: &Value) -> Result<Value> {
        flow.op("aten::relu_", &[x], || x.tensor().shallow_clone().f_relu_())
    }
}
