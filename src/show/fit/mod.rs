//! How a training went: its epochs, and a page about it.

mod chart;
mod contents;
mod curves;
mod epoch;
mod headline;
pub mod page;
mod recipe;

pub use contents::{ComparedWith, FitPage, JudgedClips};
