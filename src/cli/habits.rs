//! Hints for flags that other programs have under these names.

use std::path::Path;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, Command};

/// Adds a hint to an error about an unknown flag, where it is known what was meant.
pub(super) fn explain(mut error: Error, command: &Command) -> Error {
    let flag = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) => flag.clone(),
        _ => return error,
    };
    let name = std::env::args().nth(1).unwrap_or_default();
    let subcommand = command.find_subcommand(&name);
    if let Some(tip) = subcommand.and_then(|subcommand| instead(&flag, subcommand)) {
        let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
        error.insert(ContextKind::Suggested, tips);
    } else if is_about_values(&error) && !Path::new(&flag).exists() {
        error.remove(ContextKind::Suggested);
    }
    error
}

/// Whether clap advises to put `--` before what it took for a flag, as is right for a file of that name.
fn is_about_values(error: &Error) -> bool {
    let Some(ContextValue::StyledStrs(tips)) = error.get(ContextKind::Suggested) else {
        return false;
    };
    tips.iter()
        .any(|tip| tip.to_string().contains("as a value"))
}

/// Lets a flag take `-1` for its value, so that the flag says what is wrong with it.
pub(super) fn with_negative_numbers(command: Command) -> Command {
    let take = |arg: Arg| match arg.is_positional() || !arg.get_action().takes_values() {
        true => arg,
        false => arg.allow_negative_numbers(true),
    };
    command
        .mut_args(take)
        .mut_subcommands(with_negative_numbers)
}

/// What to write instead of `flag`.
fn instead(flag: &str, command: &Command) -> Option<String> {
    let format = command.get_arguments().find(|arg| arg.get_id() == "format");
    let knows = |name: &str| {
        let values = format.map(|arg| arg.get_possible_values());
        values.is_some_and(|values| values.iter().any(|value| value.matches(name, false)))
    };
    match flag.trim_start_matches('-') {
        name @ ("json" | "jsonl" | "csv" | "text" | "markdown" | "svg" | "html" | "dot")
            if knows(name) =>
        {
            Some(format!("use '--format {name}'"))
        }
        "o" | "output" | "out" => {
            let files = [
                "output", "report", "features", "scores", "outputs", "dump", "srt", "vtt", "csv",
                "overlay",
            ];
            let has = |name: &&str| {
                command
                    .get_arguments()
                    .any(|arg| arg.get_long() == Some(name))
            };
            let files: Vec<String> = files
                .iter()
                .filter(|name| has(name))
                .map(|name| format!("--{name}"))
                .collect();
            let others = match files.is_empty() {
                true => String::new(),
                false => format!("; files have flags of their own: {}", files.join(", ")),
            };
            Some(format!(
                "the result goes to standard output: write '> FILE'{others}"
            ))
        }
        "v" | "verbose" if command.get_arguments().any(|arg| arg.get_id() == "table") => {
            Some("use '--table' for shapes and costs".to_owned())
        }
        number if number.starts_with(|c: char| c.is_ascii_digit()) => Some(
            "no value is below 0: frames and times are counted from the start of a clip".to_owned(),
        ),
        _ => None,
    }
}
