//! Weights: reading checkpoints, matching names, metadata and reports.
//!
//! [`open`] takes any file a user may have to the tensors a model asks for; [`Import`] writes them as
//! a safetensors file that carries its meaning; [`Inspector`] looks at files without a model in mind.
//! Nothing in a file is executed. Limits on what a file may claim are stated beside the code that
//! enforces them.

mod checkpoint;
mod container;
pub mod demo;
mod error;
mod foreign;
mod hints;
mod import;
mod inspect;
mod labels;
mod load;
pub mod locate;
mod mapped;
mod matching;
mod metadata;
mod names;
mod opened;
mod pickle;
mod report;
mod report_text;
pub mod seeded;
mod select;
mod shards;
mod structure;
mod suspicious;
mod tar_directory;
mod tensor;
mod write;
mod zip_directory;

pub use checkpoint::{Checkpoint, Entry};
pub use container::{Container, detect};
pub use error::{ErrorKind, WeightsError};
pub use import::{Import, ImportOptions, Precision};
pub use inspect::{Inspector, Row, Stats};
pub use labels::LabelSource;
pub use load::{LoadOptions, Loaded, open, open_with};
pub use matching::Misfit;
pub use metadata::{ARCHITECTURE, DEFAULT_SEGMENTS, FORMAT_VERSION, Metadata};
pub use names::{Rename, printable};
pub use opened::{UnusableWeights, Weights};
pub use report::{
    Collision, Converted, Ignored, Mismatched, Named, NonFinite, Report, Strictness, Verdict,
};
pub use report_text::ReportText;
pub use structure::{Group, Scalar, Structure, TopLevel};
pub use tensor::{Dtype, RawTensor, TensorSpec};
pub use write::write;
