//! Clips: finding frames, choosing segments, decoding and preprocessing pixels.
//!
//! [`FrameDir::list`] finds a directory's frames, [`Sampling::indices`](crate::recipe::Sampling::indices) picks one per segment, and
//! [`load`] decodes, resizes and crops those: [`Frames`], which write themselves as the network's
//! input. [`Source`] is the same for a clip of any kind, [`list`] knows where clips are found, and
//! [`load_ahead`] runs all of it for many clips, ahead of the network.

pub mod crops;
pub mod decode;
mod error;
pub mod ffmpeg;
pub mod find;
mod frames;
mod jpeg;
pub mod list;
mod listing;
mod pam;
pub mod pipeline;
pub mod resample;
pub mod source;
pub mod timeline;
mod turns;
pub mod video;

pub use crops::Crops;
pub use error::{Error, Result};
pub use ffmpeg::Ffmpeg;
pub use find::FrameDir;
pub use frames::{Frames, SourceFrame, load, load_views};
pub use list::{Entry, expand, expand_entry, read_list};
pub use pipeline::{Item, LoadOptions, Loaded, Pipeline, load_ahead, load_clip};
pub use source::{OpenOptions, Source};
pub use timeline::{Position, Sliding, Timeline};
pub use turns::Turns;
pub use video::Video;
