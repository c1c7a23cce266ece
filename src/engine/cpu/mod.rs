//! What the engines on the CPU have in common: memory, threads, vectors, the unit for matrices, tensors by name, and the head.
//! The hidden modules are public for the benchmarks alone.

#![deny(unsafe_code)]

#[doc(hidden)]
pub mod amx;
#[doc(hidden)]
pub mod buffer;
#[doc(hidden)]
pub mod epilogue;
pub(super) mod error;
pub(super) mod head;
pub(super) mod large_pages;
#[doc(hidden)]
pub mod simd;
pub(super) mod tensors;
#[cfg(test)]
pub(super) mod testing;
#[doc(hidden)]
pub mod threads;

pub use amx::Missing;
pub use error::Error;
