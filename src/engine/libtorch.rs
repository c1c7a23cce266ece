use tch::{Kind, Tensor};

use super::{ClipBatch, Device, Engine, EngineKind, Output, Result};
use crate::model::{EcoLite, FRAME_SIZE};

/// The module tree, run by libtorch where its tensors are.
#[derive(Debug)]
pub struct Libtorch {
    net: EcoLite,
    device: Device,
}

impl Libtorch {
    /// An engine around a network whose tensors are on `device`.
    pub fn new(net: EcoLite, device: Device) -> Self {
        Self { net, device }
    }
}

impl Engine for Libtorch {
    fn kind(&self) -> EngineKind {
        EngineKind::Libtorch
    }

    fn device(&self) -> Device {
        self.device
    }

    fn segments(&self) -> usize {
        self.net.segments() as usize
    }

    fn run(&self, batch: &ClipBatch) -> Result<Output> {
        let shape = [
            batch.clips as i64,
            batch.segments as i64,
            3,
            FRAME_SIZE,
            FRAME_SIZE,
        ];
        let input = Tensor::f_from_slice(&batch.values)?.f_view(shape)?;
        let output = self.net.run(&input.f_to_device(self.device.into())?)?;
        Ok(Output {
            features: values(&output.features)?,
            logits: values(&output.logits)?,
            classes: self.net.classes() as usize,
        })
    }
}

/// The elements of a tensor, row-major, on the CPU.
fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    let tensor = tensor
        .f_to_device(tch::Device::Cpu)?
        .f_to_kind(Kind::Float)?
        .f_contiguous()?;
    let mut values = vec![0.0; tensor.numel()];
    tensor.f_copy_data(&mut values, tensor.numel())?;
    Ok(values)
}
