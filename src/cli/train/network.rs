//! Fitting a network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::anyhow;

use super::args::{Args, Judging, Unusable};
use super::data::{Data, sha256_of};
use super::ended::{failed, stopped};
use super::kept;
use super::log::Log;
use super::output;
use super::recipe;
use super::room;
use super::start::{Start, looked_at_with};
use crate::cli::about;
use crate::cli::exit::{Failure, UNREADABLE};
use crate::cli::say::say;
use crate::cli::signals::Signals;
use crate::clip::{ClipEntry, LoadOptions, Turns, load_ahead};
use crate::engine::{self, BeforeLastStage, Device, EngineChoice, EngineKind, EngineOptions};
use crate::network::{is_of_the_head, is_of_the_last_stage};
use crate::recognise::{ClipName, OpenWeights};
use crate::show::fit::{ComparedWith, FitPage, JudgedClips};
use crate::show::report::About;
use crate::show::training::{Fit, TrainingSummary};
use crate::train::descent::{Descent, Ended, Example, Examples, Fitted, Keeping, Loading, Setup};
use crate::train::network::{Head, Start as Beginning, TrainedNetwork, keep_freed_memory};
use crate::train::{
    Arithmetic, Checkpoint, CheckpointError, Group, Preset, Recipe, Trained, Tuned, WriteError,
    hold_back, write_network,
};
use crate::weights::{Judged, Metadata, Training};

/// Most clips that are loaded at the same time: more would only wait for each other.
const MAX_WORKERS: usize = 8;

/// Fits a network as `args` say.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut maps = None;
    let ended = fit(args, &mut maps);
    if let (Err(_), Some(maps)) = (&ended, maps) {
        kept::say_what_stays(args, &maps);
    }
    ended
}

/// The same; `maps_path` becomes the file of the maps that are kept.
fn fit(args: &Args, maps_path: &mut Option<PathBuf>) -> Result<(), Failure> {
    keep_freed_memory();
    let begun = Instant::now();
    let quiet = args.speech.quiet;
    let judging = args.judging()?;
    let start = Start::find(args, &judging)?;
    let data = &start.data;
    let device = args.engine.device.resolve()?;
    let weights = OpenWeights::open_partial(start.source.clone())?;
    weights.check_values()?;
    let metadata = weights.metadata().clone();
    let recipe = recipe::of_network(args, metadata.architecture, start.mirroring.is_on)?;

    let checkpoint = args.output().with_extension("checkpoint.safetensors");
    let resumed = resumed(args, &checkpoint)?;
    let examples = examples(args, &judging, &start)?;
    let counts = data.count(&mut examples.fitted.iter().map(|example| example.class))?;
    let data_sha256 = data_sha256(&examples);
    let loading = loading(args, &metadata, device, examples.fitted.len());
    let keeping = Keeping {
        path: checkpoint.clone(),
        data: data_sha256.clone(),
        start: start.sha256.clone().unwrap_or_else(|| "demo".to_owned()),
        input: input(&loading.options, &start),
    };
    if let Some(checkpoint) = &resumed {
        checkpoint
            .check(&recipe, &keeping.input, &keeping.data, &keeping.start)
            .map_err(Failure::usage)?;
    }

    let with = Beginning {
        classes: data.classes.count(),
        head: head(data, &metadata),
        segments: Some(loading.options.segments),
        recipe: recipe.clone(),
        device,
    };
    let network = match &resumed {
        Some(checkpoint) => TrainedNetwork::resume(checkpoint, device)?,
        None => TrainedNetwork::new(weights.tensors(), with)?,
    };
    if resumed.is_none() {
        check_new(&network, quiet)?;
    }
    room::check(args.output(), &network, resumed.is_some())?;
    let before = before_last_stage(args, device, &network, &weights)?;
    let engine = match before {
        Some(_) => EngineKind::Winograd,
        None => EngineKind::Libtorch,
    };
    let settings = kept::settings(&loading, &keeping.start, (engine, device), &recipe);
    if args.speech.verbose {
        let threads = ("threads".to_owned(), threads(args).to_string());
        let settings = settings.clone().into_iter();
        about::explain(&settings.chain([threads]).collect::<Vec<_>>());
    }
    let views = kept::views(&recipe, &examples);
    let maps = match views {
        Some(views) => kept::open(args, &settings, network.network(), views)?,
        None => None,
    };
    *maps_path = maps.as_ref().map(|maps| maps.path().to_owned());
    let setup = Setup {
        loading: loading.clone(),
        maps,
        before,
        skips: args.unusable == Unusable::Skip,
        keeping,
    };
    let mut descent = match &resumed {
        None => Descent::new(network, &examples, setup),
        Some(checkpoint) => Descent::resume(checkpoint, network, &examples, setup)?,
    };

    let signals = Signals::watch()?;
    let mut log = Log::open(
        args,
        &recipe,
        resumed.as_ref().map(|_| descent.history()),
        signals.stop(),
    )?;
    let ended = descent.run(&signals.stop(), &mut |event| log.take(event));
    log.end();
    match ended {
        Ok(Ended::Complete) => {}
        Ok(Ended::Stopped) => return Err(stopped(&signals, &log)),
        Err(error) => return Err(failed(error, &log, &recipe, &checkpoint)),
    }
    let maps = descent.take_maps();
    let Fitted {
        tensors,
        judged,
        history,
        left_out,
    } = descent.finish(&mut |event| log.take(event))?;
    let [fitted_out, _] = left_out;
    let (evaluation, listed) = output::evaluated(
        data.classes.count(),
        judged.into_iter().map(|(place, scores)| {
            let Example { entry, class } = &examples.judged[place];
            (ClipName::new(&entry.path), *class, scores)
        }),
    );
    let how = judging.how(1, &data.groups);
    let training = Training {
        tuned: args.tune.to_string(),
        start: start.name.clone(),
        start_sha256: start.sha256.clone(),
        clips: examples.fitted.len() - fitted_out.len(),
        clips_per_class: fitted_out.iter().fold(counts, |mut counts, &place| {
            counts[examples.fitted[place].class] -= 1;
            counts
        }),
        data_sha256,
        recipe: recipe::values(&recipe),
        judged: Some(Judged {
            how,
            clips: evaluation.answered(),
            top_1: evaluation.top(1).count,
        }),
    };
    let options = &loading.options;
    let trained = Trained {
        labels: data.classes.names().map(<[String]>::to_vec),
        metadata: looked_at_with(
            &metadata,
            options.segments,
            options.preprocess,
            options.sampling,
        ),
        training: training.clone(),
    };
    write_network(args.output(), &tensors, data.classes.count(), trained)
        .map_err(WriteError::from)?;
    kept::tidy(args, maps, &checkpoint);

    let seconds = begun.elapsed().as_secs_f64();
    let labels = data.labels();
    let shown = output::shown(&evaluation, &labels, &settings);
    output::write(
        args,
        &TrainingSummary {
            training: &training,
            fit: Fit::Network {
                epochs: &history,
                at_most: recipe.epochs,
                seconds,
            },
            judged: Some(&shown),
            failures: log.failures(),
            written: &args.output().display().to_string(),
        },
    )?;
    if args.report.is_some() {
        let entries = examples.judged.iter().map(|example| &example.entry);
        let frames = output::frames(&listed, entries, |clips| {
            load_ahead(
                clips.into_iter().map(Ok),
                loading.options.clone(),
                loading.workers,
            )
        });
        let preset = args.preset.unwrap_or(Preset::Small);
        let page = FitPage {
            about: &About {
                settings: settings.clone().into_iter().collect(),
                ..about::of_weights(&weights)
            },
            training: &training,
            epochs: &history,
            tried: &[],
            preset: Some(ComparedWith {
                name: preset.name(),
                values: &recipe::values(&Recipe::of(preset, metadata.architecture)),
            }),
            judged: Some(JudgedClips {
                summary: &shown,
                clips: &listed,
                frames: Ok(frames),
            }),
            left_out: log.failures(),
            stages: &[("epochs", seconds)],
            incomplete: None,
        };
        output::write_page(args, page)?;
    }
    Ok(())
}

/// The state to go on from.
///
/// # Errors
/// None where one is wanted, one where none is.
fn resumed(args: &Args, path: &Path) -> Result<Option<Checkpoint<'static>>, Failure> {
    match (args.resume, path.exists()) {
        (true, true) => Checkpoint::read(path).map(Some).map_err(unreadable),
        (true, false) => Err(Failure::usage(anyhow!(
            "there is nothing to go on from: {} does not exist",
            path.display()
        ))),
        (false, true) => Err(Failure::usage(anyhow!(
            "{} holds a training that was stopped: --resume goes on with it; remove the file to begin anew",
            path.display()
        ))),
        (false, false) => Ok(None),
    }
}

/// A state that cannot be gone on from.
fn unreadable(error: CheckpointError) -> Failure {
    let error = anyhow!(
        "{:#}; move it away, and begin anew without --resume",
        anyhow!(error)
    );
    Failure::with_code(UNREADABLE, error)
}

/// All that changes what the network reads of clips, beside the recipe.
fn input(options: &LoadOptions, start: &Start) -> BTreeMap<String, String> {
    let names = start.data.labels();
    let pairs = start.mirroring.classes.iter().enumerate();
    let pairs = pairs.filter(|(class, other)| class < other);
    let pairs: Vec<String> = pairs
        .map(|(class, &other)| format!("{}={}", names[class], names[other]))
        .collect();
    let mut input = BTreeMap::from([
        ("segments".to_owned(), options.segments.to_string()),
        ("sampling".to_owned(), options.sampling.to_string()),
        ("preprocess".to_owned(), options.preprocess.to_string()),
    ]);
    if !pairs.is_empty() {
        input.insert("flip-pairs".to_owned(), pairs.join(", "));
    }
    if let Some(frames) = &options.open.frames {
        input.insert("frames".to_owned(), frames.to_string());
    }
    input
}

/// The clips on both sides.
fn examples(args: &Args, judging: &Judging, start: &Start) -> Result<Examples, Failure> {
    let data = &start.data;
    let of = |clips: &[(ClipEntry, usize)]| -> Vec<Example> {
        let clips = clips.iter().cloned();
        clips
            .map(|(entry, class)| Example { entry, class })
            .collect()
    };
    let (mut fitted, mut judged) = (of(&data.fitted), of(&data.judged));
    if let Judging::Share(share) = judging {
        let clips = fitted.iter().zip(&data.groups.of);
        let clips = clips.map(|(example, name)| Group {
            class: example.class,
            name: name.as_deref(),
        });
        let split = hold_back(&clips.collect::<Vec<_>>(), *share, args.seed);
        let pick = |places: &[usize]| places.iter().map(|&place| fitted[place].clone()).collect();
        (fitted, judged) = (pick(&split.fitted), pick(&split.judged));
    }
    if fitted.is_empty() || judged.is_empty() {
        return Err(Failure::usage(anyhow!(
            "too few clips, or too few groups of them, to hold some back; give clips to judge by with --val"
        )));
    }
    Ok(Examples {
        fitted,
        judged,
        mirrored: start.mirroring.classes.clone(),
    })
}

/// A hash of the clips, and of which of them are held back.
fn data_sha256(examples: &Examples) -> String {
    let of = |side: &[Example]| -> Vec<(ClipEntry, usize)> {
        let clips = side.iter();
        clips
            .map(|Example { entry, class }| (entry.clone(), *class))
            .collect()
    };
    let sides = [of(&examples.fitted), of(&examples.judged)];
    sha256_of(&sides[0], &sides[1])
}

fn loading(args: &Args, about: &Metadata, device: Device, clips: usize) -> Loading {
    let threads = threads(args);
    let workers = threads.min(MAX_WORKERS).min(clips).max(1);
    let mut open = args.clips_from.open_options();
    open.threads = open.threads.or(Some((threads / workers).max(1)));
    Loading {
        options: LoadOptions {
            open,
            sampling: args.prepare.sampling.or(about.sampling).unwrap_or_default(),
            segments: args.segments().unwrap_or(about.segments),
            preprocess: args.prepare.preprocess.unwrap_or(about.preprocess),
            turns: match device {
                Device::Cpu => Turns::alternating(),
                Device::Cuda(_) => Turns::beside(),
            },
            ..LoadOptions::default()
        },
        workers,
    }
}

/// The engine for what `--tune last` leaves as it is, where there is a quicker one than libtorch.
///
/// # Errors
/// One that is asked for and cannot run there, and weights that cannot be read.
fn before_last_stage(
    args: &Args,
    device: Device,
    network: &TrainedNetwork,
    weights: &OpenWeights,
) -> Result<Option<BeforeLastStage>, Failure> {
    let options = EngineOptions {
        choice: args.engine.engine,
        device,
        threads: threads(args),
        ..EngineOptions::default()
    };
    let recipe = network.recipe();
    let is_asked = options.choice != EngineChoice::Auto;
    if recipe.tune != Tuned::Last
        || options.kind() == EngineKind::Libtorch
        || !(is_asked || recipe.precision == Arithmetic::Fp32)
    {
        return Ok(None);
    }
    if device != Device::Cpu {
        return Err(engine::Error::Device(device).into());
    }
    let network = network.network().clone();
    let before = BeforeLastStage::compile(network, weights.tensors(), options.threads)?;
    Ok(Some(before))
}

fn threads(args: &Args) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    args.engine.threads.unwrap_or_else(cores)
}

/// The head of the weights tells these classes apart only if they say so: as many may be others.
fn head(data: &Data, about: &Metadata) -> Head {
    match (data.classes.names(), &about.labels) {
        (Some(names), Some(labels)) if names == labels => Head::Kept,
        _ => Head::New,
    }
}

/// Says which tensors are new.
///
/// # Errors
/// New ones that would stay as random as they are.
fn check_new(network: &TrainedNetwork, quiet: bool) -> Result<(), Failure> {
    let new = network.new_tensors();
    let is_trained =
        |name: &&String| network.recipe().tune == Tuned::All || is_of_the_last_stage(name);
    if let Some(first) = new.iter().find(|name| !is_trained(name)) {
        let count = new.iter().filter(|name| !is_trained(name)).count();
        return Err(Failure::usage(anyhow!(
            "the weights lack {count} tensors that --tune last leaves as they are, the first is {first}; --tune all fits them, too"
        )));
    }
    let others = new.iter().filter(|name| !is_of_the_head(name)).count();
    let head = match new.iter().any(|name| is_of_the_head(name)) {
        true => "the head is new",
        false => "the head goes on from the weights', as the classes are the same",
    };
    let others = match others {
        0 => String::new(),
        1 => "; 1 tensor that the weights lack is new".to_owned(),
        others => format!("; {others} tensors that the weights lack are new"),
    };
    if !quiet {
        say(format_args!("eco: {head}{others}"));
    }
    Ok(())
}
