//! What is told while a network is fitted.

use std::path::Path;

use crate::train::record::{EpochRecord, Measured};
use crate::train::schedule::Position;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'e> {
    /// What comes before the last stage is known for some of the views.
    Maps {
        /// How many.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// An epoch begins, or goes on.
    Begun {
        /// The step that comes first.
        at: Position,
        /// Steps of the epoch.
        steps: usize,
    },
    /// A step was made.
    Step(StepDone),
    /// Some clips were judged.
    Judging {
        /// How many.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// An epoch is done.
    Epoch(&'e EpochRecord),
    /// A clip cannot be used and is left out.
    LeftOut {
        /// The clip.
        clip: &'e Path,
        /// What is wrong with it.
        error: &'e str,
    },
    /// The state was written to a file.
    Kept(&'e Path),
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepDone {
    /// Which.
    pub at: Position,
    /// Steps of the epoch.
    pub steps: usize,
    /// Means over the clips of the epoch so far.
    pub so_far: Measured,
    /// The learning rate.
    pub learning_rate: f64,
    /// The norm of the gradient before it was clipped.
    pub gradient_norm: f64,
    /// Clips per second in this epoch.
    pub rate: f64,
}
