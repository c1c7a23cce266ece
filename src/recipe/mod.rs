//! How a clip becomes the network's input: which frames are looked at, and what happens to their pixels.
//!
//! Every constant of it stands here once. Pure arithmetic: no files, no tensors, no flags.

mod architecture;
mod augmentation;
mod preprocess;
mod sampling;

pub use architecture::{Architecture, UnknownArchitecture};
pub use augmentation::{Augmentation, Rectangle};
pub use preprocess::{Preprocess, Resize};
pub use sampling::Sampling;

/// Height and width of the network's input in pixels.
pub const FRAME_SIZE: usize = 224;
/// Colour channels of a frame.
pub const CHANNELS: usize = 3;
/// Frames the network looks at when nothing else is said; the official weights were trained with 16.
pub const DEFAULT_SEGMENTS: usize = 16;
/// The number of segments is a multiple of this: the 3D net halves time twice.
pub const SEGMENTS_STEP: usize = 4;
/// Classes of Kinetics-400, the data set of the official weights.
pub const KINETICS_CLASSES: usize = 400;
