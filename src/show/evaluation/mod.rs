//! How good a network is: the measures of an evaluation, for people and for programs.

mod csv;
mod json;
mod lines;
mod page;
mod picture;
mod summary;
mod text;

pub use self::csv::{write_classes, write_confusion};
pub use json::{write_json, write_last_line};
pub use lines::{LineClass, SampleLine};
pub(super) use page::{Answers, Figure, figures};
pub use page::{ClipList, EvaluationPage, MistakeFrames, NoFrames, WORST};
pub use picture::{ConfusionFormat, confusion_picture};
pub use summary::{LeftOut, RANK_RULE, Summary};
pub use text::write_text;
pub(super) use text::{line, percent, share};
