mod folding;

use std::collections::HashSet;

use tch::{Kind, Tensor};

use super::inference::InferenceMode;
use super::{ClipBatch, Device, Engine, EngineKind, Output, Precision, Result};
use crate::network::{EcoLite, FRAME_SIZE, Flow, state_dict};

/// The module tree, run by libtorch where its tensors are.
#[derive(Debug)]
pub struct Libtorch {
    net: EcoLite,
    /// Batch norms that the convolutions before them have taken in.
    folded: HashSet<String>,
    device: Device,
    kind: Kind,
}

impl Libtorch {
    /// An engine around a network whose tensors are on `device`, computing in `precision`.
    ///
    /// The network's convolutions get tensors of their own, arranged and converted for speed: batch norms folded in
    /// where nothing else needs what comes before them, on a CPU channels last.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn new(net: EcoLite, device: Device, precision: Precision) -> Result<Self> {
        if matches!(device, Device::Cuda(_)) {
            // Every batch but the last has one size: finding its fastest kernels once pays.
            tch::Cuda::cudnn_set_benchmark(true);
        }
        let _no_grad = tch::no_grad_guard();
        let folded = folding::fold(&net)?;
        let kind = precision.into();
        for mut entry in state_dict(&net) {
            let tensor = &mut entry.tensor;
            if tensor.f_kind()? == Kind::Float {
                let converted = tensor.f_to_kind(kind)?;
                let arranged = match device {
                    Device::Cpu => channels_last(&converted)?,
                    Device::Cuda(_) => converted,
                };
                tensor.f_set_data(&arranged)?;
            }
        }
        Ok(Self {
            net,
            folded,
            device,
            kind,
        })
    }
}

/// The same tensor with its second axis, the channels, last in memory: what oneDNN and the CPU's pools like best, and
/// what makes their outputs lie so too.
fn channels_last(tensor: &Tensor) -> Result<Tensor> {
    let axes = tensor.dim() as i64;
    if axes < 4 {
        return Ok(tensor.shallow_clone());
    }
    let last: Vec<i64> = [0].into_iter().chain(2..axes).chain([1]).collect();
    let back: Vec<i64> = [0, axes - 1].into_iter().chain(1..axes - 1).collect();
    Ok(tensor.f_permute(last)?.f_contiguous()?.f_permute(back)?)
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
        let _mode = InferenceMode::enter();
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
        let output = self.net.run_in(&mut Flow::skipping(&self.folded), &input)?;
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
