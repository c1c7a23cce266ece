//! The forward pass in training, and between epochs on the same tensors.

use tch::Tensor;

use super::dropout::{Masks, Place};
use super::start::Tensors;
use crate::engine::layers::{self, Handle};
use crate::engine::{Error, Result};
use crate::network::{BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, Backend, Function, Layer, join};

/// The dropout of the 3D net's features in ECO-Full; the other one is that of frames.
const VOLUME_DROPOUT: &str = "global_pool3D_drop";

/// Computes layers on tensors that may be trained.
pub(super) struct Pass<'a> {
    pub tensors: &'a Tensors,
    /// As at inference where this is `None`.
    pub training: Option<Training>,
}

/// What is different in training.
pub(super) struct Training {
    /// Whether batch norms normalise by the running statistics.
    pub freezes_statistics: bool,
    pub masks: Masks,
}

impl Pass<'_> {
    /// Zeroes some values in training.
    pub(super) fn drop(&self, Handle(x): &Handle, place: Place) -> Result<Handle> {
        Ok(Handle(match &self.training {
            Some(Training { masks, .. }) => masks.apply(x, place)?,
            None => x.shallow_clone(),
        }))
    }

    fn tensor(&self, path: &str, name: &str) -> Result<&Tensor> {
        let name = join(path, name);
        self.tensors.get(&name).ok_or(Error::NoSuchTensor(name))
    }

    fn batch_norm(&self, path: &str, x: &Tensor) -> Result<Tensor> {
        let training = self.training.as_ref();
        let by_batch = training.is_some_and(|training| !training.freezes_statistics);
        if by_batch {
            // libtorch changes the statistics, and leaves counting to its modules.
            let counter = self.tensor(path, "num_batches_tracked")?;
            let _ = counter.shallow_clone().f_add_scalar_(1)?;
        }
        let get = |name| self.tensor(path, name);
        Ok(x.f_batch_norm(
            Some(get("weight")?),
            Some(get("bias")?),
            Some(get("running_mean")?),
            Some(get("running_var")?),
            by_batch,
            BATCH_NORM_MOMENTUM,
            BATCH_NORM_EPSILON,
            true,
        )?)
    }
}

impl Backend for Pass<'_> {
    type Value = Handle;
    type Error = Error;

    fn layer(&mut self, path: &str, layer: &Layer, input: &Handle) -> Result<Handle> {
        let Handle(x) = input;
        let get = |name| self.tensor(path, name);
        Ok(Handle(match layer {
            // What PyTorch does for the same layer, so that both round alike: small differences grow from step to step.
            Layer::Convolution { axes, window, .. } => {
                layers::convolution(x, get("weight")?, get("bias")?, *axes, window)?
            }
            Layer::BatchNorm { .. } => self.batch_norm(path, x)?,
            // Over its input, a batch norm's output, which backward does not need.
            Layer::Relu => x.shallow_clone().f_relu_()?,
            Layer::MaxPool2d(window) => layers::max_pool(x, window)?,
            Layer::AvgPool2d(window) => layers::mean_pool(x, window)?,
            Layer::AvgPool3d(kernel) => layers::mean_pool_3d(x, kernel)?,
            Layer::Dropout { .. } if path.ends_with(VOLUME_DROPOUT) => {
                return self.drop(input, Place::Volume);
            }
            Layer::Dropout { .. } => return self.drop(input, Place::Frames),
            Layer::Linear { .. } => x.f_linear(get("weight")?, Some(get("bias")?))?,
        }))
    }

    fn function(&mut self, _: &str, function: &Function, inputs: &[Handle]) -> Result<Handle> {
        // A sum is written over a convolution's output, which backward does not need either.
        layers::function(function, inputs)
    }
}
