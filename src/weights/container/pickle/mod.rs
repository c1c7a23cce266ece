//! Pickles, read without running anything in them.
//!
//! [`machine`] walks the opcodes and keeps values as references into the stream: bounded in steps, and without copies, so
//! that neither doubling nor lying lengths cost memory. [`contents`] reads off the values what a checkpoint holds.

pub(super) mod contents;
mod dictionaries;
pub(super) mod machine;
mod meaning;
pub(super) mod numpy;
mod objects;
mod ops;
mod roots;
pub(super) mod storage_id;
pub(super) mod tensors;
mod values;
