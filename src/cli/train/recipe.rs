//! The recipe that flags make.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use anyhow::anyhow;
use serde_json::Value;

use super::args::{Args, Mirror, TrainFormat, Tune};
use crate::cli::exit::Failure;
use crate::cli::say::say;
use crate::engine::Precision;
use crate::recipe::Architecture;
use crate::recognise::{OpenWeights, WeightsSource};
use crate::train::{Arithmetic, Preset, Recipe, SetError, Tuned};
use crate::weights::locate::{Found, LocateError, Places};

/// The preset, with what the flags say instead. `mirrors` is whether variations are mirrored.
///
/// # Errors
/// Values that a recipe does not have, or cannot have.
pub(super) fn of_network(
    args: &Args,
    architecture: Architecture,
    mirrors: bool,
) -> Result<Recipe, Failure> {
    let preset = args.preset.unwrap_or(Preset::Small);
    let mut recipe = Recipe::of(preset, architecture);
    recipe.tune = match args.tune {
        Tune::All => Tuned::All,
        Tune::Head | Tune::Last => Tuned::Last,
    };
    recipe.seed = args.seed;
    recipe.mirror = mirrors;
    recipe.views = args.views.unwrap_or(recipe.views);
    recipe.precision = match args.engine.precision {
        Precision::Bf16 => Arithmetic::Bf16,
        Precision::Fp32 | Precision::Tf32 | Precision::Fp16 => Arithmetic::Fp32,
    };
    if let Some(epochs) = args.epochs {
        recipe = recipe.lasting(epochs);
    }
    for (name, value) in settings(args)? {
        let changed = recipe.with(name, value);
        recipe = changed.map_err(|error| refused(name, value, error))?;
    }
    recipe.check().map_err(Failure::usage)?;
    Ok(recipe)
}

/// Names and values of --set. The schedule comes first, since it decides what other values there are.
fn settings(args: &Args) -> Result<Vec<(&str, &str)>, Failure> {
    let mut settings = Vec::new();
    for setting in &args.set {
        let Some((name, value)) = setting.split_once('=') else {
            return Err(Failure::usage(anyhow!(
                "--set {setting:?}: expected NAME=VALUE, such as learning_rate=0.0003"
            )));
        };
        let (name, value) = (name.trim(), value.trim());
        if let Some((_, flag)) = FLAGS.iter().find(|(known, _)| *known == name) {
            return Err(Failure::usage(anyhow!("--set {setting:?}: that is {flag}")));
        }
        settings.push((name, value));
    }
    settings.sort_by_key(|(name, _)| *name != "schedule");
    Ok(settings)
}

/// A value that cannot be set; what has a flag of its own is not offered.
fn refused(name: &str, value: &str, error: SetError) -> Failure {
    let error = match error {
        SetError::Unknown { name, mut known } => {
            known.retain(|known| FLAGS.iter().all(|(flag, _)| flag != known));
            SetError::Unknown { name, known }
        }
        error => error,
    };
    let advice = match &error {
        SetError::OtherSchedule { schedule, .. } => format!(": --set schedule={schedule}"),
        _ => String::new(),
    };
    Failure::usage(anyhow!(
        "--set {:?}: {error}{advice}",
        format!("{name}={value}")
    ))
}

/// Checks the flags about the recipe before anything is looked for: which of them can be does not depend on the network.
///
/// # Errors
/// Those of [`of_network`].
pub(super) fn check(args: &Args) -> Result<(), Failure> {
    of_network(args, Architecture::Lite, args.mirror != Mirror::Off).map(drop)
}

/// Values that have flags of their own.
const FLAGS: [(&str, &str); 6] = [
    ("tune", "--tune"),
    ("epochs", "--epochs"),
    ("views", "--views"),
    ("mirror", "--mirror"),
    ("precision", "--precision"),
    ("seed", "--seed"),
];

/// Writes the recipe that a network would be fitted with. Where no weights are named and none are imported, it is that of
/// ECO-Lite, which is said.
///
/// # Errors
/// Weights that cannot be read, and those of [`of_network`].
pub(super) fn show_of_network(args: &Args) -> Result<(), Failure> {
    check(args)?;
    let asked_for = args.weights.named().map(Path::as_os_str);
    let architecture = match Places::current().find(asked_for) {
        Err(LocateError::NoneImported) => {
            if !args.speech.quiet {
                say(
                    "eco: no weights are named and none are imported: the recipe is that for ECO-Lite; with --weights FILE it is \
                     that for the file's network",
                );
            }
            Architecture::Lite
        }
        Err(error) => return Err(error.into()),
        Ok(Found::Demo) => architecture_of(WeightsSource::Demo)?,
        Ok(Found::File(path, _)) => architecture_of(WeightsSource::File(path))?,
    };
    let recipe = of_network(args, architecture, args.mirror != Mirror::Off)?;
    Ok(show(args, &values(&recipe))?)
}

fn architecture_of(source: WeightsSource) -> Result<Architecture, Failure> {
    Ok(OpenWeights::open_partial(source)?.metadata().architecture)
}

/// Every value of a recipe by name, as weights keep it.
pub(super) fn values(recipe: &Recipe) -> BTreeMap<String, Value> {
    recipe.values().into_iter().collect()
}

/// Writes the values, one a line or as JSON.
///
/// # Errors
/// Those of standard output.
pub(super) fn show(args: &Args, values: &BTreeMap<String, Value>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match args.format {
        TrainFormat::Json => {
            serde_json::to_writer_pretty(&mut out, values)?;
            writeln!(out)?;
        }
        TrainFormat::Text => {
            let width = values.keys().map(String::len).max().unwrap_or(0);
            for (name, value) in values {
                let value = match value {
                    Value::Null => "none".to_owned(),
                    Value::String(word) => word.clone(),
                    value => value.to_string(),
                };
                writeln!(out, "{name:width$}  {value}")?;
            }
        }
    }
    out.flush()
}
