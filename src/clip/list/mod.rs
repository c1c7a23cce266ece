//! Lists of clips: files and streams that name clips, with or without labels, in the forms that data sets and tools write.
//!
//! An entry that exists as it stands is a path, whatever it looks like. What the other entries are is decided once for the
//! list.

mod carried;
mod columns;
mod data_sets;
mod form;
mod json;
mod place;
mod read;
mod records;
mod words;

pub use read::{List, read_list, read_stream};
pub use records::Separator;
