//! Tar archives of clips, as WebDataset keeps them: read from their place, or from a stream, without being unpacked.
//!
//! [`clips_of`] finds the clips of a file as they are asked for, [`clips_from`] those of a stream. A clip in an archive is called
//! `ARCHIVE/NAME`, and [`find`] finds it again by that.

mod clips;
mod find;
mod group;
mod header;
mod keep;
mod members;
mod names;
mod records;
mod source;
#[cfg(test)]
mod tests;

pub use clips::{clips_from, clips_of};
pub(super) use find::find;
pub use find::{archive_around, is_archive};
