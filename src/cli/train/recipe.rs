//! The recipe that flags make.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::anyhow;
use serde_json::Value;

use super::args::{Args, Mirror, TrainFormat, Tune};
use crate::cli::exit::Failure;
use crate::engine::Precision;
use crate::recipe::Architecture;
use crate::recognise::{OpenWeights, WeightsSource};
use crate::train::{Arithmetic, Preset, Recipe, Tuned};

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
    recipe.epochs = args.epochs.unwrap_or(recipe.epochs);
    for setting in &args.set {
        let Some((name, value)) = setting.split_once('=') else {
            return Err(Failure::usage(anyhow!(
                "--set {setting:?}: expected NAME=VALUE, such as learning_rate=0.0003"
            )));
        };
        if let Some((_, flag)) = FLAGS.iter().find(|(known, _)| *known == name.trim()) {
            return Err(Failure::usage(anyhow!("--set {setting:?}: that is {flag}")));
        }
        let changed = recipe.with(name.trim(), value.trim());
        recipe = changed.map_err(|error| Failure::usage(anyhow!("--set {setting:?}: {error}")))?;
    }
    recipe.check().map_err(Failure::usage)?;
    Ok(recipe)
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

/// Writes the recipe that a network from such weights would be fitted with.
///
/// # Errors
/// Weights that cannot be read, and those of [`of_network`].
pub(super) fn show_of_network(args: &Args, source: WeightsSource) -> Result<(), Failure> {
    let weights = OpenWeights::open_partial(source)?;
    let architecture = weights.metadata().architecture;
    let recipe = of_network(args, architecture, args.mirror != Mirror::Off)?;
    Ok(show(args, &values(&recipe))?)
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
