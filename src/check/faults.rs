//! Errors that must be clean, and what comes after them.

use super::Options;
use super::finding::{Finding, Running};
use crate::engine::{Device, DeviceRequest};

/// More GPUs than a machine has.
const NO_SUCH_GPU: usize = 4096;

pub(super) fn check(options: &Options, found: &mut dyn FnMut(Finding)) {
    let missing = Device::Cuda(NO_SUCH_GPU);
    let running = Running::new(format!("{missing} is refused"), options.device);
    found(match DeviceRequest::Only(missing).resolve() {
        Ok(device) => running.says(format!("{device} was found"), false),
        Err(error) => running.says(error.to_string(), true),
    });
    #[cfg(feature = "libtorch")]
    memory::check(options, found);
}

#[cfg(feature = "libtorch")]
mod memory {
    use super::super::inputs::{clips, distance};
    use super::*;
    use crate::engine::{self, ClipBatch, Engine, Libtorch, Precision, Reserved};
    use crate::recipe::Architecture;
    use crate::weights::Weights;

    const SEGMENTS: usize = 16;
    const CLIPS: usize = 8;

    /// On a GPU: a batch while nearly all memory is taken ends in an error, and the same batch afterwards in an answer.
    pub(super) fn check(options: &Options, found: &mut dyn FnMut(Finding)) {
        if options.device == Device::Cpu {
            return;
        }
        let what = "too little memory is an error".to_owned();
        let running = Running::new(what, options.device);
        let batch = clips(CLIPS, SEGMENTS);
        let made = engine(options.device);
        let engine = match made {
            Ok(engine) => engine,
            Err(error) => return found(running.says(error.to_string(), false)),
        };
        let before = engine.run(&batch);
        found(match crowded(&engine, options.device, &batch) {
            Ok(()) => running.says("it was enough".to_owned(), false),
            Err(error @ engine::Error::OutOfMemory(_)) => running.says(error.to_string(), true),
            Err(error) => running.says(error.to_string(), false),
        });
        let running = Running::new("an answer after that".to_owned(), options.device);
        let both = before.and_then(|before| Ok([before, engine.run(&batch)?]));
        // The same kernels in the same order, if not for certain.
        let difference = both.map(|[before, after]| distance(&after.logits, &before.logits));
        found(running.answers(difference, 1e-5));
    }

    fn engine(device: Device) -> engine::Result<Libtorch> {
        let weights = Weights::made_up(Architecture::Lite)?;
        let network = weights.network(Some(SEGMENTS))?;
        Libtorch::new(network, &weights, device, Precision::Fp32)
    }

    /// Runs a batch in the memory that is left.
    fn crowded(engine: &Libtorch, device: Device, batch: &ClipBatch) -> engine::Result<()> {
        let _reserved = Reserved::nearly_all(device)?;
        engine.run(batch).map(drop)
    }
}
