//! Hints for flags that other programs have under these names.

use clap::Command;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

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
    }
    error
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
            let files = ["report", "features", "scores", "outputs", "dump"];
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
        _ => None,
    }
}
