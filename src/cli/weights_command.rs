use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use super::exit::Failure;
use super::say::say;
use crate::recipe::Architecture;
use crate::text::printable;
use crate::weights::locate::{ENVIRONMENT, Found, Origin, Places};
use crate::weights::{Checkpoint, Fact, ImportedFile, Metadata, State};

/// List the weights that were imported, and choose which are used
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// How to print the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The same as --format json
    #[arg(long, hide = true, conflicts_with = "format")]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Use these weights from now on, until others are imported or chosen
    Use {
        /// A name from the list, or the path of an imported file
        name: PathBuf,
    },
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let places = Places::current();
    match &args.command {
        Some(Command::Use { name }) => choose(&places, name),
        None => list(&places, args.json || args.format == Format::Json),
    }
}

fn choose(places: &Places, name: &Path) -> Result<(), Failure> {
    let path = places.choose(name)?;
    // Says so if the file is gone or is another one.
    let found = Places {
        environment: None,
        ..places.clone()
    };
    found.find(None)?;
    say(format_args!("{} is used from now on", path.display()));
    if places.environment.is_some() {
        say(format_args!(
            "{ENVIRONMENT} names other weights, which are used first"
        ));
    }
    Ok(())
}

/// An import as it is listed.
#[derive(Serialize)]
struct Listed {
    name: String,
    path: String,
    used: bool,
    state: State,
    architecture: Option<Architecture>,
    classes: Option<usize>,
    facts: Vec<Fact>,
}

impl Listed {
    fn new(file: &ImportedFile, used: bool) -> Self {
        let state = file.state();
        let metadata = match state {
            State::Same => Checkpoint::open(file.path())
                .and_then(|checkpoint| Metadata::from_map(checkpoint.metadata()))
                .unwrap_or_default(),
            State::Changed | State::Gone => None,
        };
        Self {
            name: file.name(),
            path: file.path().display().to_string(),
            used,
            state,
            architecture: metadata.as_ref().map(|metadata| metadata.architecture),
            classes: metadata.as_ref().and_then(|metadata| metadata.classes),
            facts: metadata.map_or(Vec::new(), |metadata| metadata.facts().to_vec()),
        }
    }
}

fn list(places: &Places, json: bool) -> Result<(), Failure> {
    let imported = places.imported()?;
    let used = imported.used().map(|(file, _)| file);
    let listed: Vec<Listed> = imported
        .files()
        .iter()
        .map(|file| Listed::new(file, places.environment.is_none() && used == Some(file)))
        .collect();
    let found = places.find(None);
    let mut out = io::stdout().lock();
    if json {
        let used = match &found {
            Ok(Found::File(path, origin)) => {
                serde_json::json!({ "path": path.to_string_lossy(), "reason": origin.reason() })
            }
            Ok(Found::Demo) => {
                serde_json::json!({ "path": "demo", "reason": Origin::Environment.reason() })
            }
            Err(_) => serde_json::Value::Null,
        };
        let document = serde_json::json!({ "used": used, "imports": listed });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
        return Ok(());
    }
    for weights in &listed {
        let mark = if weights.used { '*' } else { ' ' };
        writeln!(out, "{mark} {}", printable(&weights.name))?;
        writeln!(out, "    {}", printable(&weights.path))?;
        let network = weights.architecture.iter().map(ToString::to_string);
        let facts = weights.facts.iter().map(ToString::to_string);
        let facts: Vec<String> = network.chain(facts).collect();
        match weights.state {
            State::Same => writeln!(out, "    {}", facts.join(", "))?,
            State::Changed => writeln!(
                out,
                "    another file has taken its place since it was imported"
            )?,
            State::Gone => writeln!(out, "    it is not there any more")?,
        }
    }
    match found {
        Ok(Found::File(path, origin)) => {
            writeln!(out, "used: {} ({})", path.display(), origin.reason())?;
        }
        Ok(Found::Demo) => writeln!(out, "used: the demo ({})", Origin::Environment.reason())?,
        Err(error) => writeln!(out, "nothing is used: {error}")?,
    }
    Ok(())
}
