//! From a file's tensors to a model's: by name, with one report of everything that differs.

pub(super) mod compare;
pub(super) mod hints;
pub(super) mod load;
pub(super) mod model;
mod names;
mod relatives;
pub(super) mod report;
mod report_text;
pub(super) mod select;
mod share;

pub use compare::{Misfit, Strictness, Verdict};
pub use hints::Hint;
pub use load::{LoadError, LoadOptions, Loaded, network_in, open, open_with};
pub use model::{Model, Models};
pub use names::Rename;
pub use report::{
    Collision, Converted, Ignored, MatchReport, Mismatched, Named, NonFinite, Shortened,
};
pub use report_text::{ReportDifferences, ReportHead, ReportText};
pub use select::SelectError;
pub use share::Share;
