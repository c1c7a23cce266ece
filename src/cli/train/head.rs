//! Fitting a new head.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::anyhow;
use serde_json::Value;

use super::args::{Args, Judging, Mirror};
use super::groups::Groups;
use super::look::{self, Usable};
use super::output;
use super::parts::{self, grouped};
use super::recipe;
use super::start::{Start, looked_at_with};
use crate::cli::about;
use crate::cli::exit::Failure;
use crate::cli::inputs::start_decoders;
use crate::cli::say::say;
use crate::cli::signals::Signals;
use crate::recognise::{ClipName, OpenWeights, Recogniser, WeightsSource};
use crate::show::fit::{FitPage, JudgedClips};
use crate::show::training::{Fit, TrainingSummary};
use crate::train::head::Balance;
use crate::train::{Featured, FittedHead, HeldBack, Split, Trained, fit_head, write_with_head};
use crate::weights::{Judged, Metadata, Training};

/// Fits a head as `args` say.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let judging = args.judging()?;
    let quiet = args.speech.quiet;
    let start = Start::find(args, &judging)?;
    let Start {
        data, mirroring, ..
    } = &start;

    let open = OpenWeights::open_trunk(start.source.clone())?;
    open.check_values()?;
    let clips = data.fitted.len() + data.judged.len();
    let options = args.options(start.source.clone(), clips);
    let all = data.fitted.iter().chain(&data.judged);
    start_decoders(all.map(|(clip, _)| clip), &options);
    let recogniser = Recogniser::with_weights(open, options)?;
    if !quiet && *recogniser.weights().source() != WeightsSource::Demo {
        say(format_args!("eco: {}", about::usage(&recogniser)));
    }
    if args.speech.verbose {
        let about = about::describe(&recogniser, None);
        about::explain(about.weights.iter().chain(&about.settings));
    }
    let settings = look::settings(&recogniser, start.sha256.as_deref());

    let mirrors = mirroring.is_on;
    let augmented = args.augmented(mirrors);
    let signals = Signals::watch()?;
    let begun = Instant::now();
    let looked = look::look(args, &recogniser, data, augmented, &settings, &signals)?;
    let looking = begun.elapsed().as_secs_f64();
    let usable = look::usable(args, data, augmented, &mirroring.classes, looked)?;
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
    let (evaluation, listed) = output::evaluated(
        class_count,
        judged.into_iter().map(|(place, scores)| {
            (
                ClipName::new(&clips.clips[place]),
                clips.classes[place],
                scores,
            )
        }),
    );

    let how = judging.how(args.folds().min(clips.len()), &data.groups);
    let training = Training {
        tuned: "head".to_owned(),
        start: start.name.clone(),
        start_sha256: start.sha256.clone(),
        clips: fitted.len(),
        clips_per_class: data.count(&mut fitted.iter().map(|&place| clips.classes[place]))?,
        data_sha256: data.sha256(),
        recipe: values(args, balance, penalty.into(), mirrors, &how),
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
    write_with_head(
        args.output(),
        recogniser.weights().tensors(),
        &head,
        trained,
    )?;

    if args.speech.verbose {
        let writing = begun.elapsed().as_secs_f64() - fitting;
        say(format_args!(
            "eco: fitting: {fitting:.2} s, writing: {writing:.2} s"
        ));
    }
    let labels = data.labels();
    let shown = output::shown(&evaluation, &labels, &settings);
    output::write(
        args,
        &TrainingSummary {
            training: &training,
            fit: Fit::Head {
                features: recogniser.weights().features(),
                looked_at,
                penalty,
                tried: &tried,
                seconds: [looking, fitting],
            },
            judged: Some(&shown),
            failures: &failures,
            written: &args.output().display().to_string(),
        },
    )?;
    if args.report.is_some() {
        let entries = data.fitted.iter().chain(&data.judged);
        let entries = entries.map(|(entry, _)| entry);
        let frames = output::frames(&listed, entries, |clips| recogniser.load(clips));
        let page = FitPage {
            about: &about::describe(&recogniser, None),
            training: &training,
            epochs: &[],
            tried: &tried,
            preset: None,
            judged: Some(JudgedClips {
                summary: &shown,
                clips: &listed,
                frames: Ok(frames),
            }),
            left_out: &failures,
            stages: &[("features", looking), ("fit", fitting)],
            incomplete: None,
        };
        output::write_page(args, page)?;
    }
    Ok(())
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
    let clips = grouped(&fitted.classes, &groups);
    let held_back = parts::held_back(&clips, judged.len(), judging, args.seed);
    let is_empty = |split: &Split| split.fitted.is_empty() || split.judged.is_empty();
    let is_short = match &held_back {
        HeldBack::InTurn(splits) => splits.iter().any(is_empty),
        HeldBack::Kept(split) => is_empty(split),
    };
    if is_short {
        return Err(Failure::usage(anyhow!(
            "too few of the clips can be used to hold some back; give more, or clips to judge by with --val"
        )));
    }
    Ok((fitted.followed_by(judged), held_back))
}

/// Writes the values that a head would be fitted with.
pub(super) fn show_recipe(args: &Args) -> Result<(), Failure> {
    let how = args.judging()?.how(args.folds(), &Groups::default());
    let penalty = match args.penalty {
        Some(penalty) => penalty.into(),
        None => "the best of at most eleven".into(),
    };
    let mirrors = args.mirror != Mirror::Off;
    let values = values(args, args.balance(), penalty, mirrors, &how);
    Ok(recipe::show(args, &values)?)
}

/// Every value that the head depends on.
fn values(
    args: &Args,
    balance: Balance,
    penalty: Value,
    mirrors: bool,
    how: &str,
) -> BTreeMap<String, Value> {
    BTreeMap::from([
        ("penalty".to_owned(), penalty),
        ("balance".to_owned(), (balance == Balance::Classes).into()),
        ("held_back".to_owned(), how.into()),
        ("seed".to_owned(), args.seed.into()),
        ("views".to_owned(), args.views_of_head().into()),
        (
            "mirror".to_owned(),
            (mirrors && args.views_of_head() > 0).into(),
        ),
    ])
}

/// The start's metadata with what its clips were looked at with.
fn metadata(recogniser: &Recogniser) -> Metadata {
    looked_at_with(
        recogniser.weights().metadata(),
        recogniser.engine().segments(),
        recogniser.preprocess(),
        recogniser.sampling(),
    )
}
