//! Predictions: scores read off the logits, and the answer for one clip as every output format sees it.

mod labels;
mod row;
mod scores;

pub use labels::{LabelCount, Labels};
pub use row::{Class, ClipName, FrameRange, Prediction, Row, RowError, Timings};
pub use scores::{ScoreError, Scores};
