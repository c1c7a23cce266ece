//! Engines: ways to run the network on a device, all with one interface.
//!
//! An engine is chosen first ([`EngineOptions`]) and then made from the weights by [`build`]: those of the CPU, `winograd` in
//! float32 and `direct` in bfloat16, compile the plan of the network, `libtorch` makes tensors of its own. Without the Cargo
//! feature `libtorch` there are those of the CPU alone. What they have in common is in `cpu`.

mod choice;
pub mod cpu;
mod cuda;
mod device;
mod direct;
mod error;
mod interface;
#[cfg(feature = "libtorch")]
mod libtorch;
mod output;
mod plan;
mod precision;
mod queue;
pub mod winograd;

pub use choice::{EngineChoice, EngineOptions, bound_libtorch_threads, build, observe, precisions};
pub use device::{Device, DeviceError, DeviceRequest, Memory};
pub use error::{Error, Result};
pub use interface::{ClipBatch, Engine, EngineKind, Maps, Observed};
#[cfg(feature = "libtorch")]
pub use libtorch::{Libtorch, Reserved};
#[cfg(feature = "libtorch")]
pub(crate) use libtorch::{autocast::Autocast, layers, tf32};
pub use output::Output;
pub use precision::Precision;
pub use queue::{GraphUse, QUEUE_DEPTH, Queue};
pub use winograd::{BeforeLastStage, Winograd};
