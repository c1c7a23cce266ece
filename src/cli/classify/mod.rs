//! `eco classify`: clips go in, rows and files come out.

mod about;
mod args;
mod batcher;
mod inputs;
mod interrupt;
mod progress;
mod rows;
mod sinks;
mod tally;

use std::time::Instant;

use anyhow::anyhow;

pub use args::Args;
use batcher::{Answered, Batcher};
use inputs::Inputs;
use progress::Progress;
use rows::RowOptions;
use sinks::Sinks;
use tally::Tally;

use super::weights::{self, Network};
use super::{Failure, say};
use crate::clip::{LoadOptions, OpenOptions, Turns, load_ahead};
use crate::engine::{Device, Engine};
use crate::recipe::Preprocess;
use crate::recognise::Labels;
use crate::show::report::About;
use crate::weights::LabelSource;

/// Clips that are opened at a time, at most: more only wait for one another.
const MAX_WORKERS: usize = 8;
/// Views per batch on a GPU.
const GPU_BATCH: usize = 8;

/// Classifies the clips that `args` names.
pub fn run(args: &Args) -> Result<(), Failure> {
    args.check()?;
    let threads = use_threads(args.threads)?;
    let inputs = Inputs::new(args)?;
    if args.sheet.is_some() && inputs.total != Some(1) {
        let message = "--sheet is for one clip; --report shows the frames of many";
        return Err(Failure::usage(anyhow!(message)));
    }
    let progress = Progress::new(inputs.total, args.quiet);
    progress.message("loading weights");
    let device = args.device.resolve()?;
    let network = progress
        .aside(|| weights::load(args.weights.as_deref(), args.segments, device, args.quiet))?;
    let session = progress.aside(|| Session::new(args, network, device, threads, inputs.total))?;
    session.run(inputs, &progress)
}

/// All that stays the same from clip to clip.
struct Session<'a> {
    args: &'a Args,
    engine: Box<dyn Engine>,
    labels: Labels,
    classes: usize,
    preprocess: Preprocess,
    threads: usize,
    /// Clips that are loaded at a time.
    workers: usize,
    turns: Turns,
    batch: usize,
    about: About,
}

impl<'a> Session<'a> {
    fn new(
        args: &'a Args,
        network: Network,
        device: Device,
        threads: usize,
        clips: Option<usize>,
    ) -> Result<Self, Failure> {
        let classes = network.net.classes() as usize;
        let labels = match &args.labels {
            Some(source) => {
                let names = LabelSource::parse(source).read(Some(classes))?;
                Labels::from_names(names, classes)?
            }
            None => network.labels,
        };
        let preprocess = args.preprocess.unwrap_or(network.metadata.preprocess);
        let views = args.clips * args.crops.count() * network.net.segments() as usize;
        // Windows multiply the answers by a number that is not known yet.
        let frames = clips
            .filter(|_| args.window.is_none())
            .map(|clips| clips * views);
        let engine = args.engine.build(
            network.net,
            network.loaded,
            device,
            threads,
            frames,
            args.precision,
        )?;
        let turns = match device {
            Device::Cpu => Turns::alternating(),
            Device::Cuda(_) => Turns::beside(),
        };
        let workers = threads.min(MAX_WORKERS).min(clips.unwrap_or(usize::MAX));
        let mut session = Self {
            turns,
            workers: workers.max(1),
            batch: args.batch.unwrap_or(match device {
                Device::Cpu => 1,
                Device::Cuda(_) => GPU_BATCH,
            }),
            args,
            engine,
            labels,
            classes,
            preprocess,
            threads,
            about: About::default(),
        };
        session.about = session.describe(&network.name, &network.metadata);
        Ok(session)
    }

    fn run(&self, inputs: Inputs, progress: &Progress) -> Result<(), Failure> {
        let args = self.args;
        if args.verbose {
            progress.aside(|| self.explain());
        }
        let labels = self.labels.all(self.classes);
        let mut sinks = Sinks::open(args, self.about.clone(), labels, inputs.total)?;
        interrupt::watch();
        progress.begin();
        let started = Instant::now();
        let mut tally = Tally::default();
        let done = self.classify(inputs, progress, &mut sinks, &mut tally);
        progress.end();
        // Answers that were given stay, whatever ended the work: a list gets its end, files get their places.
        let finished = if is_broken_pipe(&done) {
            Ok(None)
        } else {
            sinks.finish()
        };
        done?;
        if let (Some(note), false) = (finished?, args.quiet) {
            say(format_args!("eco: {note}"));
        }
        if args.verbose {
            tally.explain(started.elapsed());
        }
        tally.verdict()
    }

    fn classify(
        &self,
        inputs: Inputs,
        progress: &Progress,
        sinks: &mut Sinks,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let loaded = load_ahead(inputs.entries, self.load_options(), self.workers);
        let engine = self.engine.as_ref();
        let mut batcher = Batcher::new(engine, &self.turns, self.preprocess, self.batch);
        let options = self.row_options();
        let mut write = |answered: Answered| -> anyhow::Result<()> {
            progress
                .aside(|| {
                    self.note(&answered);
                    sinks.write(&answered, &options)
                })
                .map(|row| tally.add(&answered, &row))?;
            progress.done(answered.clip + 1);
            Ok(())
        };
        for item in interrupt::until_asked(loaded) {
            batcher.push(item)?;
            while let Some(answered) = batcher.pop() {
                write(answered)?;
            }
        }
        if !interrupt::asked() {
            batcher.flush()?;
        }
        while let Some(answered) = batcher.pop() {
            write(answered)?;
        }
        Ok(())
    }

    fn note(&self, answered: &Answered) {
        if let (Ok((loaded, _)), false) = (&answered.outcome, self.args.quiet)
            && let Some(note) = &loaded.note
        {
            say(format_args!("eco: {note}"));
        }
    }

    fn load_options(&self) -> LoadOptions {
        LoadOptions {
            open: OpenOptions {
                ffmpeg: self.args.ffmpeg.clone(),
                threads: Some((self.threads / self.workers).max(1)),
                rate: self.args.fps,
                frames: self.args.frames.clone(),
            },
            sampling: self.args.sampling,
            segments: self.engine.segments(),
            preprocess: self.preprocess,
            clips: self.args.clips,
            crops: self.args.crops,
            from: self.args.from,
            to: self.args.to,
            sliding: self.args.sliding(),
            turns: self.turns.clone(),
        }
    }

    fn row_options(&self) -> RowOptions<'_> {
        RowOptions {
            labels: &self.labels,
            topk: self.args.topk,
            min_score: self.args.min_score,
            logits: self.args.logits,
            parts: self.args.selects_parts(),
            engine: self.engine.kind().to_string(),
        }
    }

    fn explain(&self) {
        for (name, value) in &self.about.settings {
            say(format_args!("eco: {}: {value}", name.to_lowercase()));
        }
    }
}

fn is_broken_pipe(done: &anyhow::Result<()>) -> bool {
    let Err(error) = done else {
        return false;
    };
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Bounds the threads of libtorch and of decoding, and returns their number.
pub fn use_threads(asked_for: Option<usize>) -> anyhow::Result<usize> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = asked_for.unwrap_or_else(cores);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()?;
    if let Some(threads) = asked_for {
        tch::set_num_threads(threads.try_into()?);
    }
    Ok(threads)
}
