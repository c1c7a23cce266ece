//! `eco train`: a network for other classes.

mod args;
mod data;
mod look;
mod output;
mod run;

pub(super) use args::Args;
pub(super) use run::run;
