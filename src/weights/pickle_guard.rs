//! What is checked in a pickle before the reader sees it, and what its refusals mean.

use std::collections::HashMap;
use std::path::Path;

use pytorch_reader::PytorchError;

use super::container::Container;
use super::error::WeightsError;
use super::structure::Scalar;

/// What a first pass over the pickle found.
#[derive(Debug, Clone, Default)]
pub(super) struct Scan {
    /// Top-level keys of dictionaries that are held twice: (second key, first key).
    pub aliases: Vec<(String, String)>,
    /// Dotted dictionary keys in the file's order.
    pub keys: Vec<String>,
    /// Python classes and functions named.
    pub globals: Vec<String>,
    /// Top-level values that the reader leaves uninterpreted.
    pub values: HashMap<String, Scalar>,
}

pub(super) fn check(_path: &Path, _container: Container) -> Result<Scan, WeightsError> {
    Ok(Scan::default())
}

/// Turns the reader's refusal into words that help.
pub(super) fn explain(path: &Path, container: Container, error: &PytorchError) -> WeightsError {
    WeightsError::unreadable(path, container.describe(), error.to_string())
}
