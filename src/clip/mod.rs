//! Clips: finding frames, choosing segments, decoding and preprocessing pixels.
//!
//! [`FrameDir::list`] finds a clip's frames, [`Sampling::indices`] picks one per segment, and [`load`] decodes, resizes and
//! crops those: [`Frames`], which writes itself as the network's input.

pub mod decode;
mod error;
pub mod find;
mod frames;
mod jpeg;
pub mod preprocess;
pub mod resample;
pub mod sample;

pub use error::{Error, Result};
pub use find::FrameDir;
pub use frames::{Frames, SourceFrame, load};
pub use preprocess::{CROP, Preprocess};
pub use sample::Sampling;
