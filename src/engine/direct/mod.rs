//! The network on a CPU in bfloat16, by direct convolutions on AMX.
//!
//! [`compile`] packs the network's filters as the unit takes them, by the plan of its graph. Activations lie in memory so
//! that the unit reads its tiles from there. `docs/engine.md` explains layout, kernel and numerics.

#![deny(unsafe_code)]

mod amx;
mod compile;
mod convolution;
mod engine;
mod finish;
mod frames;
mod grid;
mod hands;
mod image;
mod job;
mod layout;
mod numbers;
mod packing;
mod pooled;
mod pooling;
mod program;
mod tiling;
mod unit;
mod work;

#[cfg(test)]
mod tests;

pub(super) use engine::compile;
