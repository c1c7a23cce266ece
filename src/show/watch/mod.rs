//! Outputs of `eco watch`: rows as they come, events as subtitles and tables, the live view, the timeline of the report.

mod format;
mod lines;
mod row;

pub use format::{WatchFormat, WatchWriter};
pub use row::{EventRow, FailedRow, GuessRow, StepRow, StepShown};
