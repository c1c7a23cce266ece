//! How far the fit of a network is.

use std::time::{Duration, Instant};

use super::live::{Live, Shown};
use crate::recognise::Stop;
use crate::text::number::{clock, loss};
use crate::train::Position;
use crate::train::descent::StepDone;

/// A line about the step at hand.
pub(in crate::cli) struct FitProgress(Live<State>);

/// What the line shows.
struct State {
    epochs: usize,
    stage: Stage,
    /// When the first step of this run ended, and how much was done then.
    first: Option<(Instant, f64)>,
    stop: Stop,
}

/// What is going on.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Starting,
    Maps { done: usize, of: usize },
    Begun { at: Position, steps: usize },
    Step(StepDone),
    Judging { done: usize, of: usize },
}

impl FitProgress {
    /// Nothing is shown when `hidden`, and when standard error is no terminal or standard output a pipe. From when `stop` is
    /// asked on, the line says so.
    pub(in crate::cli) fn new(epochs: usize, stop: Stop, hidden: bool) -> Self {
        let state = State {
            epochs,
            stage: Stage::Starting,
            first: None,
            stop,
        };
        Self(Live::new(state, hidden))
    }

    /// Maps of so many views are known.
    pub(in crate::cli) fn maps(&self, done: usize, of: usize) {
        self.0
            .change(|state| state.stage = Stage::Maps { done, of });
    }

    /// An epoch begins with a step: until that is made, which may take long, there is no more to tell.
    pub(in crate::cli) fn begin(&self, at: Position, steps: usize) {
        self.0
            .change(|state| state.stage = Stage::Begun { at, steps });
    }

    /// A step was made.
    pub(in crate::cli) fn step(&self, step: StepDone) {
        self.0.change(|state| {
            state.stage = Stage::Step(step);
            let done = state.done(step.at.epoch, step.at.step + 1, step.steps);
            state.first.get_or_insert((Instant::now(), done));
        });
    }

    /// So many clips were judged.
    pub(in crate::cli) fn judging(&self, done: usize, of: usize) {
        self.0
            .change(|state| state.stage = Stage::Judging { done, of });
    }

    /// Clears the line while `write` writes to the terminal.
    pub(in crate::cli) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.aside(write)
    }

    /// Removes the line.
    pub(in crate::cli) fn end(&self) {
        self.0.end();
    }
}

impl State {
    /// Share of all steps that are done, after `done` of the `steps` of an epoch.
    fn done(&self, epoch: usize, done: usize, steps: usize) -> f64 {
        let in_epoch = done as f64 / steps.max(1) as f64;
        (epoch as f64 + in_epoch) / self.epochs.max(1) as f64
    }

    /// Seconds that the other steps will take, if none is left out.
    fn left(&self, step: &StepDone, elapsed: impl Fn(Instant) -> Duration) -> Option<f64> {
        let (since, first) = self.first?;
        let done = self.done(step.at.epoch, step.at.step + 1, step.steps);
        let share = done - first;
        (share > 0.0).then(|| elapsed(since).as_secs_f64() * (1.0 - done) / share)
    }

    fn parts_with(&self, elapsed: impl Fn(Instant) -> Duration) -> Vec<String> {
        if self.stop.is_asked() {
            return vec![
                "stopping after this step".into(),
                "Ctrl-C again: at once, and its state is not written".into(),
            ];
        }
        match &self.stage {
            Stage::Starting => vec!["reading the first clips".into()],
            Stage::Maps { done, of } => vec![format!("looked at {done} of {of} views")],
            Stage::Judging { done, of } => vec![format!("judged {done} of {of} clips")],
            Stage::Begun { at, steps } => vec![
                format!("epoch {}/{}", at.epoch + 1, self.epochs),
                format!("step {}/{steps}", at.step),
            ],
            Stage::Step(step) => {
                let mut parts = vec![
                    format!("epoch {}/{}", step.at.epoch + 1, self.epochs),
                    format!("step {}/{}", step.at.step + 1, step.steps),
                    format!("loss {}", loss(step.so_far.loss)),
                    format!("top-1 {:.0}%", step.so_far.top_1 * 100.0),
                ];
                let left = self.left(step, elapsed);
                parts.extend(left.map(|left| format!("{} left", clock(left))));
                parts.push(format!("{:.1} clips/s", step.rate));
                parts.push(format!("rate {:.1e}", step.learning_rate));
                parts
            }
        }
    }
}

impl Shown for State {
    fn parts(&self) -> Vec<String> {
        self.parts_with(|since| since.elapsed())
    }

    fn fraction(&self) -> Option<f64> {
        match &self.stage {
            Stage::Starting => None,
            Stage::Maps { done, of } | Stage::Judging { done, of } => {
                Some(*done as f64 / (*of).max(1) as f64)
            }
            Stage::Begun { at, steps } => Some(self.done(at.epoch, at.step, *steps)),
            Stage::Step(step) => Some(self.done(step.at.epoch, step.at.step + 1, step.steps)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::live::drawn;
    use super::*;
    use crate::train::Measured;

    fn state() -> State {
        State {
            epochs: 40,
            stage: Stage::Step(StepDone {
                at: Position { epoch: 2, step: 11 },
                steps: 25,
                so_far: Measured {
                    loss: 1.23456,
                    top_1: 0.561,
                },
                learning_rate: 0.00093,
                gradient_norm: 1.0,
                rate: 3.42,
            }),
            first: Some((Instant::now(), 0.0)),
            stop: Stop::default(),
        }
    }

    fn line(state: &State, width: usize) -> String {
        let parts = state.parts_with(|_| Duration::from_secs(60));
        drawn(&parts, state.fraction(), width, 0)
    }

    #[test]
    fn a_step_is_told_with_what_matters_first() {
        let state = state();
        let wide = line(&state, 130);
        assert!(wide.starts_with("━─"), "{wide}");
        let said = "─  epoch 3/40  step 12/25  loss 1.2346  top-1 56%  15:08 left  3.4 clips/s  rate 9.3e-4";
        assert!(wide.ends_with(said), "{wide}");
        assert!(line(&state, 60).ends_with("step 12/25  loss 1.2346  top-1 56%"));
        for width in 5..200 {
            assert!(line(&state, width).chars().count() <= width);
        }
    }

    #[test]
    fn an_epoch_that_begins_has_no_steps_yet() {
        let mut state = state();
        state.stage = Stage::Begun {
            at: Position { epoch: 0, step: 0 },
            steps: 25,
        };
        assert!(line(&state, 80).ends_with("─  epoch 1/40  step 0/25"));
    }

    #[test]
    fn a_stop_that_was_asked_for_is_shown() {
        let state = state();
        state.stop.ask();
        assert!(line(&state, 100).contains("stopping after this step"));
    }
}
