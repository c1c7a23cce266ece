//! How good answers are: clips whose class is known, and measures over them.
//!
//! A [`Sample`] is one clip with its true class and the scores of all classes, or the reason why there are none. An
//! [`Evaluation`] counts samples; every measure comes from its counts, so that memory does not grow with the number of clips.

mod calibration;
mod classes;
mod counts;
mod fusion;
mod interval;
mod judgement;
mod measures;
mod predictions;
mod sample;

pub use calibration::{BINS, Bin, Calibration};
pub use classes::{ClassNames, TruthError};
pub use counts::Evaluation;
pub use fusion::{FusionError, fuse, latest};
pub use interval::Interval;
pub use judgement::Judgement;
pub use measures::{ClassMeasures, Confusion, Share};
pub use predictions::{Origin, Predictions, PredictionsError, write_origin, write_sample};
pub use sample::Sample;
