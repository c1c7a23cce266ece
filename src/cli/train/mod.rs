//! `eco train`: a network for other classes.

mod args;
mod data;
#[cfg(feature = "libtorch")]
mod ended;
mod groups;
mod head;
#[cfg(feature = "libtorch")]
mod kept;
#[cfg(feature = "libtorch")]
mod log;
mod look;
mod mirror;
#[cfg(feature = "libtorch")]
mod network;
mod output;
mod parts;
mod recipe;
#[cfg(feature = "libtorch")]
mod room;
mod start;

pub(super) use args::Args;
use args::Tune;

use crate::cli::exit::Failure;
use crate::recognise::use_threads;

/// Trains what `args` name.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    args.check()?;
    if args.show_recipe {
        return match args.tune {
            Tune::Head => head::show_recipe(args),
            Tune::Last | Tune::All => recipe::show_of_network(args),
        };
    }
    if args.tune != Tune::Head {
        recipe::check(args)?;
    }
    use_threads(args.engine.threads)?;
    match args.tune {
        Tune::Head => head::run(args),
        #[cfg(feature = "libtorch")]
        Tune::Last | Tune::All => network::run(args),
        #[cfg(not(feature = "libtorch"))]
        Tune::Last | Tune::All => Err(Failure::usage(anyhow::anyhow!(
            "--tune {} needs libtorch, without which this eco was built; --tune head fits a head",
            args.tune
        ))),
    }
}
