//! Weights: reading checkpoints, matching names, metadata and reports.
//!
//! [`open`] takes any file a user may have to the tensors a model asks for; [`Import`] writes them as
//! a safetensors file that carries its meaning; [`Inspector`] looks at files without a model in mind.
//! Nothing in a file is executed. Limits on what a file may claim are stated beside the code that
//! enforces them.
//!
//! `container` takes a file to tensors by name, `matching` those to a model's, `store` keeps them.

mod container;
pub mod diff;
mod error;
mod header;
mod labels;
mod matching;
mod metadata;
mod official;
mod opened;
mod store;
mod tensor;
mod training;

pub use container::{
    Checkpoint, Container, Group, InspectedTensor, Inspector, Scalar, Stats, Structure, TopLevel,
    detect,
};
pub use error::{ErrorClass, WeightsError};
pub use header::HeaderError;
pub use labels::LabelSource;
pub use matching::{
    Collision, Converted, Hint, Ignored, LoadError, LoadOptions, Loaded, MatchReport, Misfit,
    Mismatched, Model, Models, Named, NonFinite, Rename, ReportDifferences, ReportHead, ReportText,
    SelectError, Share, Shortened, Strictness, Verdict, network_in, open, open_with,
};
pub use metadata::{Assumed, FORMAT_VERSION, Fact, Metadata};
pub use opened::{UnusableWeights, Weights};
pub use store::{
    Choice, Import, ImportOptions, Imported, ImportedFile, Precision, RecordError, State, demo,
    locate, seeded, sha256, write,
};
pub use tensor::{Dtype, RawTensor, TensorInfo, TensorSpec};
pub use training::{Judged, Training};
