//! How good a network is: the measures of an evaluation, for people and for programs.

mod csv;
mod json;
mod lines;
mod summary;
mod text;

pub use self::csv::{write_classes, write_confusion};
pub use json::write_json;
pub use lines::{LineClass, SampleLine};
pub use summary::{RANK_RULE, Summary};
pub use text::write_text;
pub(super) use text::{line, percent, share};
