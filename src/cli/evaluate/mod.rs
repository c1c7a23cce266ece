//! `eco evaluate`: how good a network is on clips whose classes are known.

mod args;
mod fused;
mod kept;
mod output;
mod run;

pub(super) use args::Args;

use crate::cli::exit::Failure;

/// Evaluates the clips, or the predictions, that `args` name.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    args.check()?;
    let files = args.prediction_files();
    match files.is_empty() {
        true => run::run(args),
        false => fused::run(args, &files),
    }
}
