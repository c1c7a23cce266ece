//! Pickles, read without running anything in them.
//!
//! [`machine`] walks the opcodes and keeps values as references into the stream: bounded in steps, and without copies, so
//! that neither doubling nor lying lengths cost memory. [`contents`] reads off the values what a checkpoint holds.

mod contents;
mod machine;
mod numpy;
mod objects;
mod ops;
mod roots;
mod storage_id;
mod tensors;
mod values;

pub(super) use contents::contents;
pub(super) use machine::{MAX_OPS, Pickle, PickleError};
pub(super) use numpy::latin1_bytes;
pub(super) use storage_id::declared;
pub(super) use tensors::Tensors;
