//! Finds the weights that a command uses, and prints which they are.

use std::path::Path;

use super::exit::Failure;
use super::say::say;
use crate::recognise::WeightsSource;
use crate::weights::locate::{Found, Places};

/// Printed whenever the demo runs, so that nobody takes its answers for more than they are.
pub(super) const DEMO_NOTICE: &str = "the embedded demo: random convolutions with a head fitted on drawn shapes. It tells simple motions apart, not Kinetics actions";

/// Weights and why they were chosen.
pub(super) struct Chosen {
    /// Which weights.
    pub source: WeightsSource,
    /// Why they were chosen; empty when the user named them.
    pub reason: &'static str,
}

/// Finds the weights that the user named, else those of the search rule.
pub(super) fn find(asked_for: Option<&Path>) -> Result<Chosen, Failure> {
    Ok(
        match Places::current().find(asked_for.map(Path::as_os_str))? {
            Found::Demo => Chosen {
                source: WeightsSource::Demo,
                reason: "",
            },
            Found::File(path, origin) => Chosen {
                source: WeightsSource::File(path),
                reason: origin.reason(),
            },
        },
    )
}

impl Chosen {
    /// The file, unless it is the demo.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.source {
            WeightsSource::File(path) => Some(path),
            WeightsSource::Demo | WeightsSource::MadeUp(_) => None,
        }
    }

    /// Prints to standard error which weights are used.
    pub(super) fn announce(&self) {
        match &self.source {
            WeightsSource::Demo => say(format_args!("eco: weights: {DEMO_NOTICE}")),
            source if self.reason.is_empty() => say(format_args!("eco: weights: {source}")),
            source => say(format_args!("eco: weights: {source} ({})", self.reason)),
        }
    }
}
