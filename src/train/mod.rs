//! Fitting networks to labelled clips. `docs/training.md` explains the design.

mod checkpoint;
pub mod head;
#[cfg(feature = "libtorch")]
pub mod network;
mod recipe;
mod schedule;

pub use checkpoint::{About, Checkpoint, CheckpointError, Part};
pub use recipe::{BatchNorm, Dropout, Preset, Recipe, RecipeError, Schedule, Tuned, Update};
pub use schedule::{Course, Position, learning_rate};
