//! The network on a CPU by Winograd's minimal filtering: a quarter of the multiplications of direct convolution.
//!
//! [`Winograd::compile`] makes transformed filters of the network's tensors, by the plan of its graph. `docs/engine.md`
//! explains the algorithm, the layout of the data and the numerics. The hidden modules are public for the benchmarks alone.

#![deny(unsafe_code)]
#![allow(
    clippy::needless_range_loop,
    reason = "the loops of a transform run over the same axis of several arrays"
)]

#[doc(hidden)]
pub mod algorithm;
#[doc(hidden)]
pub mod amx;
mod before;
#[doc(hidden)]
pub mod bfloat16;
mod compile;
#[doc(hidden)]
pub mod convolution;
mod engine;
#[doc(hidden)]
pub mod filters;
mod frames;
#[doc(hidden)]
pub mod gemm;
mod image;
#[doc(hidden)]
pub mod kind;
mod observe;
mod pointwise;
mod pooling;
#[doc(hidden)]
pub mod products;
mod steps;
#[doc(hidden)]
pub mod tiles;
mod transforms;
#[doc(hidden)]
pub mod view;

#[cfg(test)]
mod tests;

pub use before::BeforeLastStage;
pub use engine::Winograd;
