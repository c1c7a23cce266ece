//! The self-check: whether a device computes what the CPU computes.
//!
//! [`run`] makes networks of made-up weights and clips, asks the Winograd engine on the CPU, which needs no library, and compares
//! libtorch's answers on the device: whole networks, batches in a queue, every module, steps of training, and errors that must
//! be clean. It takes neither files nor a network connection. `docs/cuda.md` explains how its limits were chosen.

mod blocks;
mod error;
mod faults;
mod finding;
mod inputs;
mod networks;
mod queued;
mod steps;

use crate::engine::Device;

pub use error::{Error, Result};
pub use finding::{Finding, Outcome};

/// What is checked.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The device.
    pub device: Device,
    /// Threads on the CPU.
    pub threads: usize,
    /// Clips of the largest batch. More than one size is tried: 1, 8, and so on up to it.
    pub batch: usize,
}

impl Options {
    /// Clips of the largest batch, unless another number is asked for.
    pub const BATCH: usize = 32;
}

/// Checks one thing after the other and hands each to `found`. What is wrong is a finding; an error is what ends the check.
///
/// # Errors
/// [`Error`]: what the CPU cannot compute.
pub fn run(options: &Options, found: &mut dyn FnMut(Finding)) -> Result<()> {
    networks::check(options, found)?;
    queued::check(options, found)?;
    blocks::check(options, found)?;
    steps::check(options, found)?;
    faults::check(options, found);
    Ok(())
}
