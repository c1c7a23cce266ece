use tch::{Kind, Tensor};

use super::{ClipBatch, Device, Engine, EngineKind, Output, Precision, Result};
use crate::model::{EcoLite, FRAME_SIZE, state_dict};

/// The module tree, run by libtorch where its tensors are.
#[derive(Debug)]
pub struct Libtorch {
    net: EcoLite,
    device: Device,
    kind: Kind,
}

impl Libtorch {
    /// An engine around a network whose tensors are on `device`.
    pub fn new(net: EcoLite, device: Device) -> Self {
        if matches!(device, Device::Cuda(_)) {
            // Every batch but the last has one size: finding its fastest kernels once pays.
            tch::Cuda::cudnn_set_benchmark(true);
        }
        let kind = Kind::Float;
        Self { net, device, kind }
    }

    /// The same engine computing in `precision`, to which it converts the network's tensors.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn with_precision(mut self, precision: Precision) -> Result<Self> {
        self.kind = precision.into();
        for entry in state_dict(&self.net) {
            let mut tensor = entry.tensor;
            if tensor.f_kind()? == Kind::Float {
                let converted = tensor.f_to_kind(self.kind)?;
                tensor.f_set_data(&converted)?;
            }
        }
        Ok(self)
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
        let input = input
            .f_to_device(self.device.into())?
            .f_to_kind(self.kind)?;
        let output = self.net.run(&input)?;
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
