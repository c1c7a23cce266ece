//! Outputs of `eco watch`: rows as they come, events as subtitles and tables, the live view, rows of the report, labels on frames.

mod banner;
mod events;
mod format;
mod lines;
mod row;
mod segments;
mod view;

pub use banner::Banner;
pub use events::{EventFile, EventFormat};
pub use format::{WatchFormat, WatchWriter};
pub use row::{EventRow, FailedRow, GuessRow, StepRow, StepShown};
pub use segments::{Segment, Segments};
pub use view::{SourceView, ViewStyle, ended, view};
