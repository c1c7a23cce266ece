//! The network on a CPU by Winograd's minimal filtering: a quarter of the multiplications of direct convolution.
//!
//! [`Winograd::compile`] makes transformed filters of the network's tensors, by the plan of its graph. `docs/engine.md`
//! explains the algorithm, the layout of the data and the numerics.

#![deny(unsafe_code)]
#![allow(
    clippy::needless_range_loop,
    reason = "the loops of a transform run over the same axis of several arrays"
)]

pub(crate) mod amx;
pub(crate) mod buffer;
mod compile;
pub(crate) mod convolution;
mod engine;
mod error;
pub(crate) mod filters;
pub(crate) mod gemm;
mod head;
mod image;
mod pointwise;
mod pooling;
pub(crate) mod simd;
mod steps;
pub(crate) mod threads;
pub(crate) mod tiles;
mod transforms;
pub(crate) mod view;

#[cfg(test)]
mod tests;

pub use engine::Winograd;
pub use error::Error;
