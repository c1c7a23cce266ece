//! Evaluating clips with a network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow};

use super::args::Args;
use super::kept::Kept;
use super::output::{End, Output};
use crate::cli::exit::Failure;
use crate::cli::inputs::start_decoders;
use crate::cli::labelled::{Labelled, classified};
use crate::cli::pictures::mistake_frames;
use crate::cli::progress::Progress;
use crate::cli::say::say;
use crate::cli::signals::Signals;
use crate::cli::{about, advice, outputs, weights};
use crate::clip::ClipEntry;
use crate::recognise::evaluation::{ClassNames, Origin, Sample};
use crate::recognise::{
    Answer, ClipName, OpenWeights, Outcome, Recogniser, Row, RowOptions, WeightsSource, use_threads,
};
use crate::show::evaluation::{LeftOut, MistakeFrames, NoFrames};
use crate::show::{Cut, Ending};

/// Looks at the clips and evaluates the answers.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    use_threads(args.engine.threads)?;
    let chosen = weights::find(args.look.weights.named())?;
    let quiet = args.speech.quiet;
    if !quiet {
        chosen.announce();
    }
    let weights_file = chosen.file().map(Path::to_owned);
    let open = OpenWeights::open(chosen.source.clone())?;
    let classes = open.classes();
    // Labels are checked against the classes before the network is built.
    let options = args.options(chosen.source, 0);
    let names = ClassNames::new(&open.labels(options.labels.as_ref())?, classes);
    let Labelled {
        clips,
        unlabelled,
        lists,
    } = Labelled::find(&args.inputs, &args.clips_from, &args.labelled, quiet)?;
    let (clips, unknown_class) =
        classified(clips, &args.labelled, quiet, Path::to_owned, |label| {
            names.find(label)
        })?;
    let left_out = LeftOut {
        unlabelled,
        unknown_class,
    };
    let read = lists.iter().chain(&args.inputs).map(PathBuf::as_path);
    let read = read
        .chain(weights_file.as_deref())
        .chain(args.look.labels_file());
    outputs::check(&args.files(), &read.collect::<Vec<_>>())?;
    let options = args.options(open.source().clone(), clips.len());
    start_decoders(clips.iter().map(|(clip, _)| clip), &options);
    let recogniser = Recogniser::with_weights(open, options)?;
    if !quiet && *recogniser.weights().source() != WeightsSource::Demo {
        say(format_args!("eco: {}", about::usage(&recogniser)));
    }
    let settings = settings(&recogniser);
    let labels = recogniser.labels().all(classes);
    let origin = Origin::new(settings.clone(), labels.clone(), clips.len());
    let kept = args.predictions.as_deref();
    let kept = kept.map(|path| Kept::open(path, &origin)).transpose()?;
    let mut session = Session {
        args,
        recogniser: &recogniser,
        output: Output::new(args, labels, settings, about::describe(&recogniser, None))?,
        kept,
        signals: Signals::watch()?,
        seen: 0,
        looked_at: 0,
    };
    let started = Instant::now();
    session.evaluate(&clips)?;
    let seconds = started.elapsed().as_secs_f64();
    let Session {
        output,
        signals,
        seen,
        looked_at,
        ..
    } = session;
    let missing = clips.len() - seen;
    let speed = Some((looked_at, seconds)).filter(|(clips, _)| *clips > 0);
    let interrupted = signals.exit_code();
    let (ending, frames) = match interrupted {
        None => (
            Ending::Complete,
            Ok(frames(&recogniser, &clips, &output.worst())),
        ),
        Some(_) => (
            Ending::Cut(Cut::Interrupted, Some(missing)),
            Err(NoFrames::Stopped),
        ),
    };
    let failed = output.finish(End {
        left_out,
        speed,
        ending,
        frames,
    })?;
    let Some(code) = interrupted else {
        return failed.map_or(Ok(()), Err);
    };
    // That clips failed matters less than that the run was stopped.
    let advice = match &args.predictions {
        Some(_) => "; the same command goes on",
        None => "",
    };
    let message = anyhow!("interrupted; clips missing: {missing}{advice}");
    Err(Failure::with_code(code, message))
}

/// The frames of `worst`, which are few, loaded once more: which ones they are is known only now.
fn frames(
    recogniser: &Recogniser,
    clips: &[(ClipEntry, usize)],
    worst: &[ClipName],
) -> Vec<MistakeFrames> {
    let entry = |name: &ClipName| {
        let found = clips.iter().find(|(entry, _)| entry.path == name.path());
        found.map_or_else(|| name.path().to_owned().into(), |(entry, _)| entry.clone())
    };
    mistake_frames(recogniser.load(worst.iter().map(entry).collect()))
}

/// Everything that can change a score, by name.
fn settings(recogniser: &Recogniser) -> BTreeMap<String, String> {
    let described = about::describe(recogniser, None);
    let (weights, settings) = (
        described.weights.into_iter(),
        described.settings.into_iter(),
    );
    // They change no answer but in its last bits.
    let is_how_fast = |name: &str| matches!(name, "Threads" | "Views per batch" | "Engine");
    let settings = settings.filter(|(name, _)| !is_how_fast(name));
    weights
        .chain(settings)
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect()
}

struct Session<'a> {
    args: &'a Args,
    recogniser: &'a Recogniser,
    output: Output<'a>,
    kept: Option<Kept>,
    signals: Signals,
    /// Clips that have been counted.
    seen: usize,
    /// Those of them that the network was run for.
    looked_at: usize,
}

impl Session<'_> {
    fn evaluate(&mut self, clips: &[(ClipEntry, usize)]) -> Result<(), Failure> {
        let mut open: Vec<usize> = Vec::new();
        let mut known: BTreeMap<usize, Sample> = BTreeMap::new();
        for (place, (entry, truth)) in clips.iter().enumerate() {
            let clip = ClipName::new(&entry.path);
            let answer = match &self.kept {
                Some(kept) => kept.answer(&clip, *truth).map_err(Failure::usage)?,
                None => None,
            };
            match answer {
                Some(sample) => drop(known.insert(place, sample.clone())),
                None => open.push(place),
            }
        }
        if !known.is_empty() && !self.args.speech.quiet {
            let (known, all) = (known.len(), clips.len());
            say(format_args!(
                "eco: {known} of {all} clips are answered in the file of predictions"
            ));
        }
        let progress = Progress::new(Some(open.len()), self.args.speech.quiet);
        let stop = self.signals.stop();
        progress.begin(stop.clone());
        let entries: Vec<_> = open
            .iter()
            .map(|&place| Ok(clips[place].0.clone()))
            .collect();
        let mut done = 0;
        for answer in self.recogniser.recognise_until(&stop, entries) {
            let answer = answer?;
            let place = open[answer.clip];
            self.count_known(&mut known, place)?;
            let sample = self.sample(&answer, clips[place].1);
            if let Some(kept) = &mut self.kept {
                kept.add(&sample).context("cannot write the predictions")?;
            }
            progress.aside(|| self.output.add(&sample))?;
            self.seen += 1;
            self.looked_at += 1;
            done += 1;
            progress.answered(answer.clip, 0, 1);
            let accuracy = self.output.accuracy();
            progress.note(accuracy.map(|share| format!("top-1 {:.1}%", share * 100.0)));
        }
        if done == open.len() {
            self.count_known(&mut known, clips.len())?;
        }
        progress.end();
        Ok(())
    }

    /// Counts the answers that were there before, of the clips before `place`.
    fn count_known(
        &mut self,
        known: &mut BTreeMap<usize, Sample>,
        place: usize,
    ) -> Result<(), Failure> {
        let later = known.split_off(&place);
        for sample in std::mem::replace(known, later).into_values() {
            self.output.add(&sample)?;
            self.seen += 1;
        }
        Ok(())
    }

    fn sample(&self, answer: &Answer, truth: usize) -> Sample {
        let scores = match &answer.outcome {
            Outcome::Scored { scores, .. } => Ok(scores.scores()),
            _ => Err(self.error(answer)),
        };
        Sample {
            clip: ClipName::new(&answer.entry.path),
            range: None,
            truth,
            scores,
        }
    }

    /// The error of a clip that has no scores, with the flag that may help.
    fn error(&self, answer: &Answer) -> String {
        let error = match self.recogniser.row(answer, &RowOptions::default()) {
            Row::Failed(failure) => failure.error,
            Row::Answer(_) => String::new(),
        };
        match advice::for_answer(answer) {
            Some(advice) => format!("{error}; {advice}"),
            None => error,
        }
    }
}
