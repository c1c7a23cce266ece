//! Fitting the network itself, its last stage or all of it, on libtorch.
//!
//! A step is made in two parts. [`TrainedNetwork::accumulate`] runs some clips forward and backward, as often as the recipe says,
//! and [`TrainedNetwork::step`] goes along the gradient of their mean loss. Whatever goes wrong before the step leaves
//! the network as the last step made it.

mod dropout;
mod error;
mod forward;
mod groups;
mod input;
mod layout;
mod memory;
mod sgd;
mod start;
mod trained;

pub use error::{Error, Result};
pub use input::{Input, Middle};
pub use memory::keep_freed_memory;
pub use start::Head;
pub use trained::{Answer, Start, Stepped, TrainedNetwork};
