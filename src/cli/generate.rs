//! Shell completions and man pages, from the definitions that parse the command line.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Command;
use clap_complete::Shell;

use super::exit::Failure;
use crate::file::{FileError, NewFile};

/// Print a script that makes a shell complete eco's commands and flags
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  eco completions bash > ~/.local/share/bash-completion/completions/eco
  eco completions zsh > ~/.zfunc/_eco
  eco completions fish > ~/.config/fish/completions/eco.fish";

/// Print eco's man page, or write the pages of all commands
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// The folder for the pages of eco and all its commands, such as ~/.local/share/man/man1
    directory: Option<PathBuf>,
}

/// Prints the completions of `command`.
pub(super) fn completions(args: &CompletionsArgs, mut command: Command) -> Result<(), Failure> {
    // Made in memory first: the generator panics when its output is closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "eco", &mut script);
    Ok(io::stdout().lock().write_all(&script)?)
}

/// Prints or writes the man pages of `command`.
pub(super) fn man(args: &ManArgs, command: Command) -> Result<(), Failure> {
    let Some(directory) = &args.directory else {
        return Ok(clap_mangen::Man::new(command).render(&mut io::stdout().lock())?);
    };
    let failed = || format!("cannot write man pages to {}", directory.display());
    fs::create_dir_all(directory).with_context(failed)?;
    let mut command = command.disable_help_subcommand(true);
    // Subcommands get their full names, such as `eco-classify`.
    command.build();
    Ok(write_pages(&command, directory)?)
}

/// Writes the page of `command` and those of its subcommands.
fn write_pages(command: &Command, directory: &Path) -> Result<(), FileError> {
    let mut shown = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    shown.try_for_each(|sub| write_pages(sub, directory))?;
    let man = clap_mangen::Man::new(command.clone());
    let path = directory.join(man.get_filename());
    let mut file = NewFile::create(&path)?;
    man.render(&mut file).map_err(|error| file.failed(error))?;
    file.finish().map(drop)
}
