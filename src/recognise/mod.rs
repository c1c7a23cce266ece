//! The product: weights and clips in, answers out.
//!
//! A [`Recogniser`] is built from [`Options`] and hands out one [`Answer`] per clip, in the order of the clips, while the next
//! ones are being loaded. [`RowOptions`] turn an answer into a [`Row`], which every output format writes.

mod batcher;
mod error;
pub mod evaluation;
mod input;
mod labels;
mod loading;
pub mod online;
mod options;
mod outcome;
mod outcomes;
mod prepared;
mod recogniser;
mod row;
mod rows;
mod scores;
mod shared_maps;
mod stop;
mod threads;

pub use error::RecogniseError;
pub use input::{INPUT, InputError, read_input};
pub use labels::{LabelCount, Labels};
pub use loading::OpenWeights;
pub use options::{Options, WeightsSource};
pub use outcome::{Answer, Outcome};
pub use outcomes::Outcomes;
pub use prepared::Prepared;
pub use recogniser::Recogniser;
pub use row::{Class, ClipName, FrameRange, Prediction, Row, RowError, Timings};
pub use rows::{Logits, RowOptions};
pub use scores::{ScoreError, Scores};
pub use stop::Stop;
pub use threads::{MAX_WORKERS, use_threads, workers};
