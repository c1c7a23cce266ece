//! The turns of the sources on the network.

use std::sync::Arc;
use std::time::Duration;

use super::sinks::Sinks;
use super::stream::{Fed, Stream};
use crate::cli::advice;
use crate::cli::exit::Failure;
use crate::cli::say::say;
use crate::clip::live::Bell;
use crate::clip::{ClipError, Turns};
use crate::recognise::online::{Event, Step};
use crate::recognise::{Recogniser, Stop};
use crate::show::watch::{EventRow, FailedRow, StepRow, StepShown};

/// How long is waited for frames before it is looked whether the work is to end.
const LOOK: Duration = Duration::from_millis(50);

/// What stays the same from step to step.
pub(super) struct Session<'a> {
    pub(super) recogniser: &'a Recogniser,
    pub(super) turns: Turns,
    pub(super) topk: usize,
    pub(super) min_score: Option<f32>,
    /// Whether notes about sources are printed.
    pub(super) notes: bool,
    pub(super) bell: Arc<Bell>,
    pub(super) stop: Stop,
    pub(super) sinks: Sinks,
}

impl Session<'_> {
    /// Answers until all sources have ended or the work is to stop. Each source has at most one step per turn.
    pub(super) fn watch(&mut self, mut streams: Vec<Stream>) -> anyhow::Result<Tally> {
        let mut tally = Tally {
            sources: streams.len(),
            ..Tally::default()
        };
        while streams.iter().any(|stream| !stream.is_over) && !self.stop.is_asked() {
            let heard = self.bell.rung();
            let mut is_idle = true;
            for place in 0..streams.len() {
                if self.stop.is_asked() {
                    break;
                }
                let had_work = self.turn(&mut streams[place], &mut tally)?;
                self.sinks.draw(&streams, had_work)?;
                is_idle &= !had_work;
            }
            if is_idle && !self.work_ahead(&mut streams)? {
                self.bell.wait(heard, LOOK);
            }
        }
        for stream in streams.iter_mut().filter(|stream| !stream.is_over) {
            if let Some(event) = stream.watcher.cut() {
                self.show_event(stream, &event)?;
            }
            self.sinks.end(stream)?;
        }
        self.sinks.draw(&streams, true)?;
        streams.iter().for_each(|stream| tally.add(stream));
        Ok(tally)
    }

    /// Puts a frame through the 2D net before its step is due, while all live sources are waited for. Stored ones are read at the
    /// same time, which is work enough. Returns whether there was such a frame.
    fn work_ahead(&self, streams: &mut [Stream]) -> anyhow::Result<bool> {
        for stream in streams.iter_mut().filter(|stream| stream.is_live) {
            let engine = self.recogniser.engine();
            let preprocess = self.recogniser.preprocess();
            if stream.watcher.ahead(engine, preprocess, &self.turns)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives a source its turn. Returns whether it had anything to do.
    fn turn(&mut self, stream: &mut Stream, tally: &mut Tally) -> anyhow::Result<bool> {
        for note in stream.live.notes() {
            if self.notes {
                self.sinks.aside(|| say(format_args!("eco: {note}")))?;
            }
        }
        let end = match self.sinks.feed(stream)? {
            Fed::Nothing => return Ok(false),
            Fed::Step => {
                let engine = self.recogniser.engine();
                let preprocess = self.recogniser.preprocess();
                let step = stream.watcher.step(engine, preprocess, &self.turns)?;
                if let Some(step) = step {
                    self.show(stream, &step)?;
                }
                return Ok(true);
            }
            Fed::End(end) => end,
        };
        // A source that Ctrl-C has reached as well has not failed.
        if self.stop.is_asked() {
            return Ok(true);
        }
        let engine = self.recogniser.engine();
        let preprocess = self.recogniser.preprocess();
        let (step, event) = stream.watcher.finish(engine, preprocess, &self.turns)?;
        if let Some(step) = step {
            self.show(stream, &step)?;
        }
        if let Some(event) = event {
            self.show_event(stream, &event)?;
        }
        self.sinks.end(stream)?;
        match end {
            Ok(()) if stream.steps == 0 => self.fail(stream, no_frames(stream), tally)?,
            Ok(()) => {}
            Err(error) => self.fail(stream, error, tally)?,
        }
        Ok(true)
    }

    fn show(&mut self, stream: &mut Stream, step: &Step) -> anyhow::Result<()> {
        let (latency, dropped) = stream.answered(step);
        let shown = StepShown {
            source: &stream.name,
            labels: self.recogniser.labels(),
            topk: self.topk,
            min_score: self.min_score,
        };
        let row = StepRow::new(step, &shown, dropped, latency);
        self.sinks.step(stream, step, &row)?;
        stream.keep(row);
        Ok(())
    }

    fn show_event(&mut self, stream: &Stream, event: &Event) -> anyhow::Result<()> {
        let row = EventRow::new(event, self.recogniser.labels());
        self.sinks.event(&stream.name, &row)
    }

    fn fail(&mut self, stream: &Stream, error: ClipError, tally: &mut Tally) -> anyhow::Result<()> {
        let error = anyhow::Error::from(error);
        let mut text = format!("{error:#}");
        if let Some(advice) = advice::for_failure(&error) {
            text += &format!("; {advice}");
        }
        let row = FailedRow {
            source: stream.name.clone(),
            error: text,
        };
        self.sinks.failed(&row)?;
        // The error of the only source is that of the command.
        if tally.sources > 1 {
            self.sinks
                .aside(|| say(format_args!("eco: {}", row.error)))?;
        }
        tally.failed += 1;
        tally.first.get_or_insert(error);
        Ok(())
    }
}

fn no_frames(stream: &Stream) -> ClipError {
    ClipError::Stream {
        path: stream.live.source().path(),
        reason: "it ended before its first frame".to_owned(),
    }
}

/// How the work went.
#[derive(Default)]
pub(super) struct Tally {
    sources: usize,
    failed: usize,
    first: Option<anyhow::Error>,
    lines: Vec<String>,
    dropped: Vec<String>,
}

impl Tally {
    fn add(&mut self, stream: &Stream) {
        let name = &stream.name;
        let dropped = stream.live.dropped();
        let came = stream.taken + dropped;
        if dropped > 0 {
            let share = 100.0 * dropped as f64 / came as f64;
            self.dropped.push(format!(
                "{name}: {dropped} of {came} frames dropped ({share:.1}%), because the network was busy"
            ));
        }
        let latency = |share| {
            let latency = stream.latencies.quantile(share);
            latency.map_or("-".to_owned(), |latency| {
                format!("{} ms", latency.as_millis())
            })
        };
        let rate = stream
            .rate()
            .map_or("-".to_owned(), |rate| format!("{rate:.1}"));
        self.lines.push(format!(
            "{name}: {} steps, {} frames at {rate} per second; latency p50 {}, p95 {}",
            stream.steps,
            stream.taken,
            latency(0.5),
            latency(0.95)
        ));
    }

    /// Prints what was dropped and, where `all` is asked for, how quick the answers were.
    pub(super) fn explain(&self, all: bool) {
        let lines = self.lines.iter().filter(|_| all);
        for line in lines.chain(&self.dropped) {
            say(format_args!("eco: {line}"));
        }
    }

    /// The end of the command.
    pub(super) fn verdict(self, interrupted: Option<u8>) -> Result<(), Failure> {
        if let Some(code) = interrupted {
            return Err(Failure::with_code(code, anyhow::anyhow!("interrupted")));
        }
        match (self.first, self.sources) {
            (None, _) => Ok(()),
            (Some(error), 1) => Err(error.into()),
            (Some(error), sources) => {
                let failed = self.failed;
                let context = format!("{failed} of {sources} sources failed; the first");
                Err(error.context(context).into())
            }
        }
    }
}
