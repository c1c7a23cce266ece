//! Fitting a network to clips by gradient descent, epoch after epoch. `docs/training.md` explains the design.

mod error;
mod event;
mod examples;
mod fit;
mod maps;
mod order;
mod source;

pub use error::{DescentError, Result};
pub use event::{Event, StepDone};
pub use examples::{Example, Examples, Loading};
pub use fit::{Descent, Ended, Fitted, Judged, Keeping, Setup};
