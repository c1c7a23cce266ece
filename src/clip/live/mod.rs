//! Live sources: frames as they come, with their times, each source on a thread of its own.
//!
//! A [`Source`] is what the user names: a file, a directory, standard input, a device or an address. [`Live::start`] opens it and
//! puts its frames, resized and cropped as those of clips are, into a [`Ring`] of a few places. When the reader is slow, a live
//! source drops the oldest frame that waits, and a file waits itself.

mod clock;
mod device;
mod file;
mod follow;
mod options;
mod patient;
mod raw;
mod ring;
mod run;
mod sink;
mod source;
mod stream;

pub use options::{Kind, LiveOptions, Overflow, RawSize};
pub use ring::{Bell, Ring, Taken};
pub use run::Live;
pub use sink::LiveFrame;
pub use source::{ParseSourceError, Source};
