//! The command line: flags, standard streams and exit codes. One file per subcommand.

mod about;
mod activations;
mod advice;
mod bench;
mod classify;
mod diff;
mod doctor;
mod evaluate;
mod exit;
mod flags;
mod generate;
mod graph;
mod habits;
mod inputs;
mod inspect;
mod labelled;
mod leave;
mod load_weights;
mod network;
mod outputs;
mod pictures;
mod progress;
mod report;
mod say;
mod signals;
mod summary;
mod times;
mod train;
mod values;
mod watch;
mod weights;
mod weights_command;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use exit::{EXIT_CODES, SUCCESS};
use leave::leave;

/// Action recognition in video with ECO (ECCV 2018), from PyTorch weights, without Python.
#[derive(Debug, Parser)]
#[command(name = "eco", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Classify(Box<classify::Args>),
    Evaluate(Box<evaluate::Args>),
    Watch(Box<watch::Args>),
    Train(Box<train::Args>),
    Report(report::Args),
    Bench(bench::Args),
    Inspect(inspect::Args),
    LoadWeights(load_weights::Args),
    Weights(weights_command::Args),
    Diff(diff::Args),
    Graph(graph::Args),
    Summary(summary::Args),
    Doctor(doctor::Args),
    Completions(generate::CompletionsArgs),
    Man(generate::ManArgs),
}

fn parse() -> Result<Cli, clap::Error> {
    let mut command = habits::with_negative_numbers(Cli::command());
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Parses the command line, runs it, says how it went and ends the process.
pub fn run() -> ! {
    let cli = parse().unwrap_or_else(|error| {
        let error = habits::explain(error, &Cli::command());
        // As clap does: where a help text cannot be written, there is nobody to tell.
        let _ = error.print();
        leave(error.exit_code())
    });
    let result = match cli.command {
        Command::Classify(args) => classify::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::LoadWeights(args) => load_weights::run(&args),
        Command::Weights(args) => weights_command::run(&args),
        Command::Diff(args) => match diff::run(&args) {
            Ok(code) => leave(code.into()),
            Err(failure) => Err(failure),
        },
        Command::Graph(args) => graph::run(&args),
        Command::Summary(args) => summary::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions(args) => generate::completions(&args, Cli::command()),
        Command::Man(args) => generate::man(&args, Cli::command()),
    };
    let code = match result {
        Ok(()) => SUCCESS,
        Err(failure) => failure.report(),
    };
    leave(code.into())
}
