//! Evaluating predictions that were kept, of one run or of several.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, anyhow};

use super::args::Args;
use super::output::{End, Output};
use crate::cli::exit::Failure;
use crate::cli::outputs;
use crate::cli::say::say;
use crate::recognise::evaluation::{Predictions, fuse, latest};
use crate::show::evaluation::{LeftOut, NoFrames};
use crate::show::report::About;
use crate::show::{Cut, Ending};

/// Reads files of predictions, each with its weight, and evaluates their weighted mean.
pub(super) fn run(args: &Args, files: &[(&Path, f64)]) -> Result<(), Failure> {
    let read: Vec<&Path> = files.iter().map(|(path, _)| *path).collect();
    outputs::check(&args.files(), &read)?;
    let mut labels: Option<Vec<String>> = None;
    let mut settings = BTreeMap::new();
    let mut runs = Vec::new();
    let mut missing: Option<usize> = None;
    for (number, (path, weight)) in files.iter().enumerate() {
        let cannot = || format!("cannot use {}", path.display());
        let file = File::open(path).with_context(cannot)?;
        let predictions = Predictions::read(BufReader::new(file)).with_context(cannot)?;
        let Predictions {
            origin,
            samples,
            cut_off,
            ..
        } = predictions;
        let samples = latest(samples);
        let clips = origin.clips.unwrap_or(samples.len());
        if samples.len() < clips || cut_off {
            missing = missing.max(Some(clips.saturating_sub(samples.len())));
            say(format_args!(
                "eco: {} is of a run that was stopped: it has {} of {clips} clips",
                path.display(),
                samples.len()
            ));
        }
        for (name, value) in origin.settings {
            let name = match files.len() {
                1 => name,
                _ => format!("{}: {name}", number + 1),
            };
            settings.insert(name, value);
        }
        match &labels {
            Some(first) if *first != origin.labels => {
                let message = format!(
                    "{} has other classes than {}",
                    path.display(),
                    files[0].0.display()
                );
                return Err(Failure::usage(anyhow!(message)));
            }
            Some(_) => {}
            None => labels = Some(origin.labels),
        }
        runs.push((samples, *weight));
    }
    let samples = fuse(runs).map_err(Failure::usage)?;
    let facts = settings.clone().into_iter().collect();
    let about = About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        note: Some(format!("Made from the predictions in {}.", named(files))),
        weights: Vec::new(),
        settings: facts,
    };
    let mut output = Output::new(args, labels.unwrap_or_default(), settings, about)?;
    for sample in &samples {
        output.add(sample)?;
    }
    let ending = match missing {
        None => Ending::Complete,
        missing => Ending::Cut(Cut::Interrupted, missing),
    };
    let failed = output.finish(End {
        left_out: LeftOut::default(),
        speed: None,
        ending,
        frames: Err(NoFrames::Predictions),
    })?;
    failed.map_or(Ok(()), Err)
}

/// The files with their weights, in words.
fn named(files: &[(&Path, f64)]) -> String {
    let named = files.iter().map(|(path, weight)| match files.len() {
        1 => path.display().to_string(),
        _ => format!("{} (weight {weight})", path.display()),
    });
    named.collect::<Vec<_>>().join(", ")
}
