//! `eco classify`: clips in, rows and files out.

mod args;
mod sinks;
mod tally;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::anyhow;

pub(super) use args::Args;
use sinks::Sinks;
use tally::Tally;

use super::exit::Failure;
use super::inputs::Inputs;
use super::progress::Progress;
use super::say::say;
use super::signals::Signals;
use super::{about, advice, outputs, weights};
use crate::clip::{DecodedBy, Pipeline};
use crate::recognise::{
    Answer, OpenWeights, Prepared, Recogniser, Row, RowOptions, WeightsSource, use_threads,
};
use crate::show::{Cut, Ending};
use crate::text::is_broken_pipe;

/// Classifies the clips that `args` names.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    args.check()?;
    if let (Some(done), true) = (&args.output.output, args.output.skip_done)
        && done.exists()
    {
        if !args.speech.quiet {
            say(format_args!("eco: {} is there already", done.display()));
        }
        return Ok(());
    }
    let Started {
        recogniser,
        clips,
        total,
        mut sinks,
        progress,
        signals,
    } = Started::new(args).map_err(Failure::at_start)?;
    let session = Session {
        recogniser: &recogniser,
        progress: &progress,
        rows: args.output.rows(),
        notes: !args.speech.quiet,
        explains: args.speech.verbose,
        signals,
    };
    progress.begin(session.signals.stop());
    let started = Instant::now();
    let mut tally = Tally::default();
    let done = session.classify(clips, &mut sinks, &mut tally);
    progress.end();
    let interrupted = session.signals.exit_code();
    let missing = total.map(|total| total.saturating_sub(tally.clips()));
    let ending = match (&done, interrupted) {
        (Err(_), _) => Ending::Cut(Cut::Failed, missing),
        (Ok(()), Some(_)) => Ending::Cut(Cut::Interrupted, missing),
        (Ok(()), None) => Ending::Complete,
    };
    // Answers that were given stay, whatever ended the work: a list gets its end, files get their places.
    let finished = match &done {
        Err(error) if is_broken_pipe(error.as_ref()) => Ok(Vec::new()),
        _ => sinks.finish(ending),
    };
    done?;
    let finished = finished?;
    if session.notes {
        finished
            .iter()
            .for_each(|note| say(format_args!("eco: {note}")));
    }
    if args.speech.verbose {
        tally.explain(started.elapsed());
    }
    tally.verdict(interrupted, missing, args.output.fail_when)
}

/// Everything that can fail before the first clip is looked at.
struct Started {
    recogniser: Recogniser,
    clips: Pipeline,
    /// How many clips there are, where that is known.
    total: Option<usize>,
    sinks: Sinks,
    progress: Progress,
    signals: Signals,
}

impl Started {
    fn new(args: &Args) -> Result<Self, Failure> {
        use_threads(args.engine.threads)?;
        let mut inputs = Inputs::new(
            &args.inputs,
            &args.clips_from,
            args.stdin(),
            args.speech.quiet,
        )?;
        if let Some(shard) = args.shard {
            inputs = inputs.shard(shard);
        }
        if args.output.sheet.is_some() && inputs.total != Some(1) {
            let message = "--sheet is for one clip; --report shows the frames of many";
            return Err(Failure::usage(anyhow!(message)));
        }
        let chosen = weights::find(args.look.weights.named())?;
        let read = args.inputs.iter().map(PathBuf::as_path);
        let read = read.chain(args.clips_from.list.as_deref());
        let read = read.chain(chosen.file()).chain(args.look.labels_file());
        outputs::check(&args.output.files(), &read.collect::<Vec<_>>())?;
        if !args.speech.quiet {
            chosen.announce();
        }
        let total = inputs.total;
        let progress = Progress::new(total, args.speech.quiet);
        progress.message("loading weights");
        let options = args.options(chosen.source, total);
        inputs.start_decoders(&options);
        let prepared = Prepared::new(OpenWeights::open(options.weights.clone())?, options)?;
        let (recogniser, clips) = Recogniser::begin(prepared, inputs.entries)?;
        if !args.speech.quiet && *recogniser.weights().source() != WeightsSource::Demo {
            let usage = about::usage(&recogniser);
            progress.aside(|| say(format_args!("eco: {usage}")));
        }
        let about = about::describe(&recogniser, args.output.min_score);
        if args.speech.verbose {
            progress.aside(|| about::explain(&about.settings));
        }
        Ok(Self {
            sinks: Sinks::open(&args.output, about, &recogniser, total)?,
            recogniser,
            clips,
            total,
            progress,
            signals: Signals::watch()?,
        })
    }
}

/// What stays the same from clip to clip.
struct Session<'a> {
    recogniser: &'a Recogniser,
    progress: &'a Progress,
    rows: RowOptions,
    /// Whether notes about clips are printed.
    notes: bool,
    /// Whether it is said why a video was left to the ffmpeg program.
    explains: bool,
    signals: Signals,
}

impl Session<'_> {
    fn classify(
        &self,
        clips: Pipeline,
        sinks: &mut Sinks,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let stop = self.signals.stop();
        for answer in self.recogniser.recognise_loaded(&stop, clips) {
            let answer = answer?;
            let row = self.row(&answer);
            self.progress.aside(|| {
                self.note(&answer);
                sinks.write(&answer, &row)
            })?;
            tally.add(&answer, &row);
            let (place, answers) = answer.outcome.place();
            self.progress.answered(answer.clip, place, answers);
        }
        Ok(())
    }

    /// The row of an answer. The error of a failed clip is followed by the flag that may help.
    fn row(&self, answer: &Answer) -> Row {
        let mut row = self.recogniser.row(answer, &self.rows);
        if let (Row::Failed(failure), Some(advice)) = (&mut row, advice::for_answer(answer)) {
            failure.error += &format!("; {advice}");
        }
        row
    }

    fn note(&self, answer: &Answer) {
        let note = answer
            .outcome
            .loaded()
            .and_then(|loaded| loaded.note.as_ref());
        if let (Some(note), true) = (note, self.notes) {
            say(format_args!("eco: {note}"));
        }
        let loaded = answer.outcome.loaded().filter(|loaded| loaded.answer == 0);
        let decoder = loaded.and_then(|loaded| loaded.decoder.as_ref());
        if let (Some(DecodedBy::Ffmpeg(Some(why))), true) = (decoder, self.explains) {
            let clip = answer.entry.path.display();
            say(format_args!("eco: {clip}: decoded by ffmpeg: {why}"));
        }
    }
}
