//! Fitting networks to labelled clips. `docs/training.md` explains the design.

mod cache;
mod checkpoint;
mod classes;
#[cfg(feature = "libtorch")]
pub mod descent;
mod featured;
mod features;
mod fitting;
pub mod head;
#[cfg(feature = "libtorch")]
pub mod network;
mod recipe;
mod record;
mod schedule;
mod setting;
mod split;
mod validation;
mod written;

pub use cache::{CacheError, Kept, ViewCache};
pub use checkpoint::{About, Checkpoint, CheckpointError, Part};
pub use classes::{Classes, ClassesError};
pub use featured::Featured;
pub use features::{ClipFeatures, FeatureError, Looking};
pub use fitting::{FittedHead, HeldBack, fit_head};
pub use recipe::{
    Arithmetic, BatchNorm, Dropout, Preset, Recipe, RecipeError, Schedule, Tuned, Update, Views,
};
pub use record::{EpochRecord, Measured, Running};
pub use schedule::{Course, Position, learning_rate};
pub use setting::SetError;
pub use split::{Group, Split, folds, hold_back};
pub use written::{Trained, WriteError, write_network, write_with_head};
