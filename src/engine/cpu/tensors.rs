//! The tensors of a network by name, each as long as the network needs it.

use super::epilogue::Epilogue;
use super::error::Error;
use super::head::Classifier;
use crate::engine::error::Result;
use crate::engine::plan::{Part, Then};
use crate::network::BATCH_NORM_EPSILON;
use crate::weights::Weights;
use std::borrow::Cow;

/// Tensors for convolutions as a plan has them.
#[derive(Clone, Copy)]
pub(crate) struct Tensors<'a>(pub &'a Weights);

impl<'a> Tensors<'a> {
    /// The weights of convolutions side by side, `per_output` values for each output.
    ///
    /// # Errors
    /// Tensors that cannot be read, or have another length.
    pub(crate) fn weights_of(
        &self,
        parts: &[Part],
        per_output: usize,
    ) -> Result<Vec<Cow<'a, [f32]>>> {
        parts
            .iter()
            .map(|part| self.weight(part, per_output))
            .collect()
    }

    /// The weights of a convolution.
    ///
    /// # Errors
    /// A tensor that cannot be read, or has another length.
    pub(crate) fn weight(&self, part: &Part, per_output: usize) -> Result<Cow<'a, [f32]>> {
        self.tensor(
            &format!("{}.weight", part.convolution),
            part.outputs * per_output,
        )
    }

    /// What follows convolutions side by side.
    ///
    /// # Errors
    /// Tensors that cannot be read, or have another length.
    pub(crate) fn side_by_side(&self, parts: &[Part]) -> Result<Epilogue> {
        let mut epilogue = Epilogue::default();
        for part in parts {
            epilogue.append(self.epilogue(part)?);
        }
        Ok(epilogue)
    }

    /// The bias of a convolution, then its batch norm as `x * scale + shift`, and ReLU.
    ///
    /// # Errors
    /// Tensors that cannot be read, or have another length.
    pub(crate) fn epilogue(&self, part: &Part) -> Result<Epilogue> {
        let outputs = part.outputs;
        let bias = self.tensor(&format!("{}.bias", part.convolution), outputs)?;
        let mut epilogue = Epilogue::bias(&bias);
        let Then::NormRelu(norm) = &part.then else {
            return Ok(epilogue);
        };
        let get = |name: &str| self.tensor(&format!("{norm}.{name}"), outputs);
        let (weight, bias) = (get("weight")?, get("bias")?);
        let (mean, variance) = (get("running_mean")?, get("running_var")?);
        for i in 0..outputs {
            let deviation = (f64::from(variance[i]) + BATCH_NORM_EPSILON).sqrt();
            let scale = f64::from(weight[i]) / deviation;
            epilogue.scale[i] = scale as f32;
            // The mean of a sum without the convolution's bias.
            let mean = f64::from(mean[i]) - f64::from(epilogue.bias[i]);
            epilogue.shift[i] = (f64::from(bias[i]) - mean * scale) as f32;
            epilogue.floor[i] = 0.0;
        }
        Ok(epilogue)
    }

    /// The float32 values of the tensor `name`, of which there are `expected`.
    fn tensor(&self, name: &str, expected: usize) -> Result<Cow<'a, [f32]>> {
        let values = self.0.floats(name)?;
        if values.len() != expected {
            let (name, found) = (name.to_owned(), values.len());
            return Err(Error::Length {
                name,
                found,
                expected,
            }
            .into());
        }
        Ok(values)
    }

    /// The linear layer called `name`, from `features` values to `classes`.
    ///
    /// # Errors
    /// Tensors that cannot be read.
    pub(crate) fn classifier(
        &self,
        name: &str,
        [features, classes]: [usize; 2],
    ) -> Result<Classifier> {
        let read = |part: &str, len| self.tensor(&format!("{name}.{part}"), len);
        Ok(Classifier {
            weight: read("weight", classes * features)?.into_owned(),
            bias: read("bias", classes)?.into_owned(),
        })
    }
}
