use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::winograd::{Source, Weight, Winograd};
use super::{ClipBatch, Device, Engine, EngineKind, Output, Result};
use crate::network::{EcoLite, state_dict};

/// The module tree compiled to Winograd convolutions, for the CPU.
pub struct Compiled {
    net: Winograd,
    segments: usize,
}

impl Compiled {
    /// Compiles a network whose tensors are on the CPU, to run on `threads` threads.
    ///
    /// The tensors are read where they are, and not needed afterwards; `used` is called every now and then, when the memory
    /// of those that were read can go.
    ///
    /// # Errors
    /// Threads that cannot be started, and what libtorch reports.
    pub fn new(net: &EcoLite, threads: usize, used: &dyn Fn()) -> Result<Self> {
        let mut tensors = HashMap::new();
        for entry in state_dict(net) {
            if entry.tensor.f_kind()? == Kind::Float {
                tensors.insert(entry.name, entry.tensor.f_contiguous()?);
            }
        }
        let tensor = |name: &str| tensors.get(name).map(weight);
        let source = Source {
            tensor: &tensor,
            used,
        };
        Ok(Self {
            net: Winograd::compile(source, threads)?,
            segments: net.segments() as usize,
        })
    }
}

/// The values of a contiguous float32 tensor on the CPU, in place.
fn weight(tensor: &Tensor) -> Weight<'_> {
    let shape = tensor
        .size()
        .into_iter()
        .map(|length| length as usize)
        .collect();
    // SAFETY: the pointer is to `numel` floats that live as long as the tensor, which nobody writes to.
    let data =
        unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<f32>(), tensor.numel()) };
    Weight { shape, data }
}

impl Engine for Compiled {
    fn kind(&self) -> EngineKind {
        EngineKind::Winograd
    }

    fn device(&self) -> Device {
        Device::Cpu
    }

    fn segments(&self) -> usize {
        self.segments
    }

    fn run(&self, batch: &ClipBatch) -> Result<Output> {
        let answer = self.net.run(&batch.values, batch.clips, batch.segments)?;
        Ok(Output {
            features: answer.features,
            logits: answer.logits,
            classes: self.net.classes(),
        })
    }
}
