//! What a fit tells while it runs: a live line, a line for every epoch, TensorBoard's scalars.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::anyhow;

use super::args::Args;
use crate::cli::exit::Failure;
use crate::cli::progress::FitProgress;
use crate::cli::say::say;
use crate::recognise::Stop;
use crate::show::tensorboard::EventWriter;
use crate::text::number::loss;
use crate::train::descent::Event;
use crate::train::{EpochRecord, Position, Recipe};

/// Takes events.
pub(super) struct Log {
    progress: FitProgress,
    epochs: usize,
    quiet: bool,
    at: Option<Position>,
    kept: Option<PathBuf>,
    failures: Vec<(String, String)>,
    /// TensorBoard's, until one cannot be written.
    scalars: Option<EventWriter>,
}

impl Log {
    /// `before` are the epochs of earlier runs, where this one goes on.
    pub(super) fn open(
        args: &Args,
        recipe: &Recipe,
        before: Option<&[EpochRecord]>,
        stop: Stop,
    ) -> Result<Self, Failure> {
        let quiet = args.speech.quiet;
        let last = before.and_then(<[EpochRecord]>::last);
        if let (Some(last), false) = (last, quiet) {
            say(format_args!("eco: goes on after epoch {}", last.epoch + 1));
        }
        let steps = before.map(|_| last.map_or(0, |last| last.steps));
        let logdir = args.logdir.as_deref();
        let scalars = logdir.map(|folder| EventWriter::create(folder, steps));
        Ok(Self {
            scalars: scalars.transpose()?,
            progress: FitProgress::new(recipe.epochs, stop, quiet),
            epochs: recipe.epochs,
            quiet,
            at: None,
            kept: None,
            failures: Vec::new(),
        })
    }

    /// Tells what happened.
    pub(super) fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Maps { done, of } => self.progress.maps(done, of),
            Event::Judging { done, of } => self.progress.judging(done, of),
            Event::Begun { at, steps } => self.progress.begin(at, steps),
            Event::Step(step) => {
                self.at = Some(step.at);
                self.progress.step(step);
            }
            Event::Epoch(record) => {
                self.say(&line(record, self.epochs));
                self.write_scalars(record);
            }
            Event::LeftOut { clip, error } => {
                self.say(&format!("eco: left out: {}: {error}", clip.display()));
                self.failures
                    .push((clip.display().to_string(), error.to_owned()));
            }
            Event::Kept(path) => self.kept = Some(path.to_owned()),
        }
    }

    /// Removes the live line.
    pub(super) fn end(&self) {
        self.progress.end();
    }

    /// Clips that were left out, with their errors.
    pub(super) fn failures(&self) -> &[(String, String)] {
        &self.failures
    }

    /// Where the state was written, if it was.
    pub(super) fn kept(&self) -> Option<&Path> {
        self.kept.as_deref()
    }

    /// Where the fit was, as the beginning of an error.
    pub(super) fn place(&self) -> String {
        match self.at {
            None => String::new(),
            Some(Position { epoch, step }) => {
                format!("after step {} of epoch {}: ", step + 1, epoch + 1)
            }
        }
    }

    /// Adds an epoch to TensorBoard's file. A file that cannot be written does not end a training.
    fn write_scalars(&mut self, record: &EpochRecord) {
        let Some(writer) = &mut self.scalars else {
            return;
        };
        let judged = record.judged;
        let rate = record.clips as f64 / record.seconds.max(1e-9);
        let values = [
            ("loss/training", Some(record.loss)),
            ("loss/judged", judged.map(|judged| judged.loss)),
            ("top_1/training", Some(record.top_1)),
            ("top_1/judged", judged.map(|judged| judged.top_1)),
            ("learning_rate", Some(record.learning_rate)),
            ("clips_per_second", Some(rate)),
        ];
        let now = SystemTime::now();
        for (tag, value) in values {
            if let Some(value) = value {
                writer.scalar(tag, record.steps, value, now);
            }
        }
        if let Err(error) = writer.flush() {
            self.scalars = None;
            self.say(&format!(
                "eco: scalars are not written any more: {:#}",
                anyhow!(error)
            ));
        }
    }

    fn say(&self, text: &str) {
        if !self.quiet {
            self.progress.aside(|| say(text));
        }
    }
}

/// An epoch in one line.
fn line(record: &EpochRecord, epochs: usize) -> String {
    let width = epochs.to_string().len();
    let mut line = format!(
        "epoch {:>width$}/{epochs}  loss {}  top-1 {:5.1}%",
        record.epoch + 1,
        loss(record.loss),
        record.top_1 * 100.0
    );
    if let Some(judged) = record.judged {
        let best = if record.is_best { ", best" } else { "" };
        line += &format!(
            "  judged: {}  top-1 {:5.1}%{best}",
            loss(judged.loss),
            judged.top_1 * 100.0
        );
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Measured;

    #[test]
    fn an_epoch_is_one_line() {
        let record = EpochRecord {
            epoch: 2,
            steps: 75,
            loss: 1.23456,
            top_1: 0.561,
            learning_rate: 1e-3,
            judged: Some(Measured {
                loss: 1.1,
                top_1: 1.0,
            }),
            is_best: true,
            seconds: 12.3,
            clips: 400,
        };
        assert_eq!(
            line(&record, 40),
            "epoch  3/40  loss 1.2346  top-1  56.1%  judged: 1.1000  top-1 100.0%, best"
        );
        let long = EpochRecord {
            epoch: 99,
            loss: 1.234e30,
            judged: Some(Measured {
                loss: 5.6e12,
                top_1: 1.0,
            }),
            ..record
        };
        let line = line(&long, 100);
        assert!(line.contains("loss 1.23e30  "), "{line}");
        assert!(line.len() <= 80, "{line}");
    }
}
