//! Fitting a new head.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow};
use serde_json::Value;

use super::args::{Args, Judging, Mirror};
use super::data::Data;
use super::look::{self, Usable};
use super::output;
use crate::cli::exit::Failure;
use crate::cli::say::say;
use crate::cli::signals::Signals;
use crate::cli::{about, outputs, weights};
use crate::file::NewFile;
use crate::recognise::{ClipName, OpenWeights, Recogniser, WeightsSource, use_threads};
use crate::show::training::TrainingSummary;
use crate::train::head::Balance;
use crate::train::{
    Classes, Featured, FittedHead, Group, HeldBack, Split, Trained, fit_head, folds, hold_back,
    write_with_head,
};
use crate::weights::{Assumed, Judged, Metadata, Training, sha256};

/// Trains the network that `args` name.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    args.check()?;
    use_threads(args.engine.threads)?;
    let judging = args.judging()?;
    let quiet = args.speech.quiet;
    let chosen = weights::find(args.weights.named())?;
    if !quiet {
        chosen.announce();
    }
    let weights_file = chosen.file().map(Path::to_owned);
    let data = Data::find(args, &judging)?;
    let read = data.lists.iter().chain(&args.inputs).map(PathBuf::as_path);
    let read: Vec<&Path> = read.chain(weights_file.as_deref()).collect();
    outputs::check(&[("--output", Some(&args.output))], &read)?;
    check_extension(&args.output)?;
    // A path that cannot be written shows before the work.
    drop(NewFile::create(&args.output)?);
    let counts = |classes: &mut dyn Iterator<Item = usize>| {
        data.classes.check(classes).map_err(Failure::usage)
    };
    counts(&mut data.fitted.iter().map(|(_, class)| *class))?;

    let open = OpenWeights::open(chosen.source.clone())?;
    let clips = data.fitted.len() + data.judged.len();
    let recogniser = Recogniser::with_weights(open, args.options(chosen.source, clips))?;
    if !quiet && *recogniser.weights().source() != WeightsSource::Demo {
        say(format_args!("eco: {}", about::usage(&recogniser)));
    }
    let start_sha256 = weights_file.as_deref().map(|path| {
        let hash = sha256(path);
        hash.with_context(|| format!("cannot read {}", path.display()))
    });
    let start_sha256 = start_sha256.transpose()?;
    let settings = look::settings(&recogniser, start_sha256.as_deref());

    let mirrors = mirrors(args, &data.classes);
    let augmented = args.augmented(mirrors);
    let signals = Signals::watch()?;
    let begun = Instant::now();
    let looked = look::look(args, &recogniser, &data, augmented, &settings, &signals)?;
    let looking = begun.elapsed().as_secs_f64();
    let usable = look::usable(args, &data, looked)?;
    let (failures, looked_at) = (usable.failures.clone(), usable.looked_at);

    let begun = Instant::now();
    let class_count = data.classes.count();
    let (clips, held_back) = held_back(args, &judging, usable)?;
    let balance = args.balance();
    let FittedHead {
        head,
        penalty,
        tried,
        judged,
        fitted,
    } = fit_head(&clips, class_count, &held_back, balance, args.penalty);
    let fitting = begun.elapsed().as_secs_f64();
    if let Some(code) = signals.exit_code() {
        let message = anyhow!("interrupted: the head is fitted, nothing is written");
        return Err(Failure::with_code(code, message));
    }
    let evaluation = output::evaluated(
        class_count,
        judged.into_iter().map(|(place, scores)| {
            (
                ClipName::new(&clips.clips[place]),
                clips.classes[place],
                scores,
            )
        }),
    );

    let how = match &judging {
        Judging::Folds(_) => format!("{}-fold cross-validation", args.folds.min(clips.len())),
        Judging::Share(share) => format!("{}% of the clips, held back", share * 100.0),
        Judging::Data(_) => "the clips of --val".to_owned(),
    };
    let training = Training {
        tuned: "head".to_owned(),
        start: match &weights_file {
            None => "demo".to_owned(),
            Some(path) => path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        },
        start_sha256,
        clips: fitted.len(),
        clips_per_class: counts(&mut fitted.iter().map(|&place| clips.classes[place]))?,
        data_sha256: data.sha256(),
        recipe: recipe(args, balance, penalty, mirrors, &how),
        judged: Some(Judged {
            how,
            clips: evaluation.answered(),
            top_1: evaluation.top(1).count,
        }),
    };
    let trained = Trained {
        labels: data.classes.names().map(<[String]>::to_vec),
        metadata: metadata(&recogniser),
        training: training.clone(),
    };
    write_with_head(&args.output, recogniser.weights().tensors(), &head, trained)?;

    let labels = match data.classes.names() {
        Some(names) => names.to_vec(),
        None => (0..class_count).map(|class| class.to_string()).collect(),
    };
    output::write(
        args,
        &TrainingSummary {
            training: &training,
            judged: Some(&output::shown(&evaluation, &labels, &settings)),
            features: recogniser.weights().features(),
            looked_at,
            failures: &failures,
            penalty,
            tried: &tried,
            written: &args.output.display().to_string(),
            seconds: [looking, fitting],
        },
    )?;
    Ok(())
}

/// Other programs know the format by the file's name.
fn check_extension(output: &Path) -> Result<(), Failure> {
    match output.extension() {
        Some(extension) if extension == "safetensors" => Ok(()),
        _ => {
            let message = format!(
                "{} will be a safetensors file; name it so: {}",
                output.display(),
                output.with_extension("safetensors").display()
            );
            Err(Failure::usage(anyhow!(message)))
        }
    }
}

/// All clips, and which of them are held back.
fn held_back(
    args: &Args,
    judging: &Judging,
    usable: Usable,
) -> Result<(Featured, HeldBack), Failure> {
    let Usable {
        fitted,
        groups,
        judged,
        ..
    } = usable;
    let clips = fitted.classes.iter().zip(&groups);
    let clips: Vec<Group> = clips
        .map(|(&class, group)| Group {
            class,
            name: group.as_deref(),
        })
        .collect();
    let held_back = match judging {
        Judging::Folds(count) => {
            HeldBack::InTurn(folds(&clips, (*count).min(clips.len()), args.seed))
        }
        Judging::Share(share) => HeldBack::Kept(hold_back(&clips, *share, args.seed)),
        Judging::Data(_) => {
            let (first, all) = (clips.len(), clips.len() + judged.len());
            HeldBack::Kept(Split {
                fitted: (0..first).collect(),
                judged: (first..all).collect(),
            })
        }
    };
    let is_empty = |split: &Split| split.fitted.is_empty() || split.judged.is_empty();
    let is_short = match &held_back {
        HeldBack::InTurn(splits) => splits.iter().any(is_empty),
        HeldBack::Kept(split) => is_empty(split),
    };
    if is_short {
        return Err(Failure::usage(anyhow!(
            "too few clips, or too few groups of them, to hold some back; give clips to judge by with --val"
        )));
    }
    Ok((fitted.followed_by(judged), held_back))
}

/// Whether views may be mirrored: not where a class is told by what is left and what is right.
fn mirrors(args: &Args, classes: &Classes) -> bool {
    let is_side = |name: &&String| {
        let words = name.split(|c: char| !c.is_alphanumeric());
        let mut words = words.map(str::to_lowercase);
        words.any(|word| word == "left" || word == "right")
    };
    match args.mirror {
        Mirror::On => true,
        Mirror::Off => false,
        Mirror::Auto => {
            let side = classes.names().unwrap_or_default().iter().find(is_side);
            if let (Some(name), 1.., false) = (side, args.views, args.speech.quiet) {
                say(format_args!(
                    "eco: views are not mirrored, as {name:?} is one of the classes; --mirror on mirrors them all the same"
                ));
            }
            side.is_none()
        }
    }
}

/// Every value that the head depends on.
fn recipe(
    args: &Args,
    balance: Balance,
    penalty: f64,
    mirrors: bool,
    how: &str,
) -> BTreeMap<String, Value> {
    BTreeMap::from([
        ("penalty".to_owned(), penalty.into()),
        ("balance".to_owned(), (balance == Balance::Classes).into()),
        ("held_back".to_owned(), how.into()),
        ("seed".to_owned(), args.seed.into()),
        ("views".to_owned(), args.views.into()),
        ("mirror".to_owned(), (mirrors && args.views > 0).into()),
    ])
}

/// The start's metadata with what its clips were looked at with.
fn metadata(recogniser: &Recogniser) -> Metadata {
    Metadata {
        segments: recogniser.engine().segments(),
        preprocess: recogniser.preprocess(),
        sampling: Some(recogniser.sampling()),
        assumed: Assumed::default(),
        ..recogniser.weights().metadata().clone()
    }
}
