//! `eco watch`: streams in, answers out while they come.

mod args;
mod overlay;
mod screen;
mod session;
mod sinks;
mod stream;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) use args::Args;
use session::Session;
use sinks::Sinks;
use stream::Stream;

use super::exit::Failure;
use super::progress::Progress;
use super::say::say;
use super::signals::Signals;
use super::{about, outputs, weights};
use crate::clip::live::{Bell, Kind, Live, LiveOptions, Source};
use crate::recognise::online::Watcher;
use crate::recognise::{Recogniser, WeightsSource, use_threads};
use crate::show::{Cut, Ending};
use crate::text::is_broken_pipe;

/// Watches the sources that `args` names.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    args.check()?;
    use_threads(args.engine.threads)?;
    let chosen = weights::find(args.look.weights.named())?;
    let read: Vec<PathBuf> = args.sources.iter().filter_map(file).collect();
    let read = read.iter().map(PathBuf::as_path).chain(chosen.file());
    let read = read.chain(args.look.labels.as_deref().map(Path::new));
    outputs::check(&args.output.files(), &read.collect::<Vec<_>>())?;
    if !args.speech.quiet {
        chosen.announce();
    }
    let progress = Progress::new(None, args.speech.quiet);
    progress.message("loading weights");
    let recogniser = Recogniser::new(args.options(chosen.source))?;
    progress.end();
    let segments = recogniser.engine().segments();
    args.online.check_with(segments)?;
    if !args.speech.quiet && *recogniser.weights().source() != WeightsSource::Demo {
        say(format_args!("eco: {}", about::usage(&recogniser)));
    }
    let mut about = about::describe(&recogniser, args.online.min_score);
    // A memory has neither samples nor views.
    let is_about_clips = |name: &str| ["Sampling", "Views per batch"].contains(&name);
    about.settings.retain(|(name, _)| !is_about_clips(name));
    about.settings.extend(args.online.settings());
    if args.speech.verbose {
        for (name, value) in &about.settings {
            say(format_args!("eco: {}: {value}", name.to_lowercase()));
        }
    }
    let sinks = Sinks::open(args, about, &recogniser)?;
    let signals = Signals::watch()?;
    let bell = Arc::new(Bell::default());
    let live = args.live(recogniser.preprocess(), segments);
    let load = recogniser.load_options();
    let options = |source: &Source| LiveOptions {
        open: load.open.clone(),
        turns: match live.kind(source) {
            // Frames that come by the clock do not wait for the network.
            Kind::Live => live.turns.clone(),
            Kind::Stored => load.turns.clone(),
        },
        ..live.clone()
    };
    let stream = |source: &Source| {
        let is_live = live.realtime || live.kind(source) == Kind::Live;
        let live = Live::start(source.clone(), options(source), Arc::clone(&bell));
        let watcher = Watcher::new(&args.online.options(), segments);
        Stream::new(live, watcher, is_live)
    };
    let streams = args.sources.iter().map(stream).collect();
    let mut session = Session {
        recogniser: &recogniser,
        turns: load.turns.clone(),
        topk: args.output.topk,
        min_score: args.online.min_score,
        notes: !args.speech.quiet,
        bell,
        stop: signals.stop(),
        sinks,
    };
    let done = session.watch(streams);
    let interrupted = signals.exit_code();
    let ending = match done {
        Err(_) => Ending::Cut(Cut::Failed, None),
        // Streams have no end but the one that the user chooses.
        Ok(_) => Ending::Complete,
    };
    // Answers that were given stay, whatever ended the work.
    let finished = match &done {
        Err(error) if is_broken_pipe(error.as_ref()) => Ok(Vec::new()),
        _ => session.sinks.finish(ending),
    };
    let tally = done?;
    for note in finished?.iter().filter(|_| !args.speech.quiet) {
        say(format_args!("eco: {note}"));
    }
    if !args.speech.quiet {
        tally.explain(args.speech.verbose);
    }
    tally.verdict(interrupted)
}

/// The file or directory that a source is.
fn file(source: &Source) -> Option<PathBuf> {
    match source {
        Source::Path(path) => Some(path.clone()),
        _ => None,
    }
}
