//! How far the work is, on standard error when that is a terminal.

#[cfg(feature = "libtorch")]
mod fit;
mod live;
mod narrow;
mod plain;

use std::time::{Duration, Instant};

use crate::recognise::Stop;
use crate::text::number::clock;
#[cfg(feature = "libtorch")]
pub(super) use fit::FitProgress;
use live::{Live, Shown};
pub(super) use plain::Plain;

/// A line that is drawn over and over: a bar, what is done, how fast, and how long the rest will take.
pub(super) struct Progress(Live<State>);

/// What the line shows.
#[derive(Default)]
struct State {
    /// What is going on before the first clip begins.
    message: &'static str,
    /// Clips there are, where that is known.
    clips: Option<usize>,
    /// Place of the clip at hand in the input, from 0.
    clip: usize,
    /// Answers that the clip at hand has and will have.
    answered: usize,
    answers: usize,
    /// Answers of all clips.
    total: usize,
    begun: Option<Instant>,
    /// Something about the answers so far.
    note: Option<String>,
    stop: Stop,
}

impl Progress {
    /// Nothing is shown when `hidden`, and when standard error is no terminal or standard output a pipe.
    pub(super) fn new(clips: Option<usize>, hidden: bool) -> Self {
        let state = State {
            clips,
            ..State::default()
        };
        Self(Live::new(state, hidden))
    }

    /// What is going on.
    pub(super) fn message(&self, message: &'static str) {
        self.0.change(|state| state.message = message);
    }

    /// The first clip begins: what came before does not count for the rate. From when `stop` is asked on, the line says so.
    pub(super) fn begin(&self, stop: Stop) {
        self.0.change(|state| {
            state.message = "reading the first clip";
            state.begun = Some(Instant::now());
            state.stop = stop;
        });
    }

    /// There is an answer for the clip at this place in the input, from 0: the `answer`th, from 0, of `answers`.
    pub(super) fn answered(&self, clip: usize, answer: usize, answers: usize) {
        self.0.change(|state| {
            state.clip = clip;
            state.answered = answer + 1;
            state.answers = answers;
            state.total += 1;
        });
    }

    /// Something about the answers so far, shown last.
    pub(super) fn note(&self, note: Option<String>) {
        self.0.change(|state| state.note = note);
    }

    /// Clears the line while `write` writes to the terminal.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.aside(write)
    }

    /// Removes the line.
    pub(super) fn end(&self) {
        self.0.end();
    }
}

impl Shown for State {
    fn parts(&self) -> Vec<String> {
        self.parts_after(self.begun.map_or(Duration::ZERO, |begun| begun.elapsed()))
    }

    /// Clips that have not begun count as much as the others.
    fn fraction(&self) -> Option<f64> {
        let clips = self.clips.filter(|_| self.total > 0)?;
        let here = self.answered as f64 / self.answers.max(1) as f64;
        Some((self.clip as f64 + here) / clips.max(1) as f64)
    }
}

impl State {
    /// What is done, how fast, how long the rest takes.
    fn parts_after(&self, elapsed: Duration) -> Vec<String> {
        if self.stop.is_asked() {
            return vec![
                "stopping after this clip".into(),
                "Ctrl-C again: at once".into(),
            ];
        }
        if self.total == 0 {
            return vec![self.message.to_owned()];
        }
        let mut parts = vec![self.done()];
        let rate = self.total as f64 / elapsed.as_secs_f64().max(1e-3);
        let digits = if rate < 10.0 { 1 } else { 0 };
        parts.push(match rate {
            ..0.1 => format!("{:.0} s each", 1.0 / rate),
            rate => format!("{rate:.digits$}/s"),
        });
        if let Some(done) = self.fraction() {
            let left = elapsed.as_secs_f64() * (1.0 - done) / done;
            parts.push(format!("{} left", clock(left)));
        }
        parts.extend(self.note.clone());
        parts
    }

    /// `3 of 10 clips`, `312 of 1200 windows`, or both.
    fn done(&self) -> String {
        let windows = format!("{} of {} windows", self.answered, self.answers);
        let finished = self.clip + usize::from(self.answered == self.answers);
        match (self.clips, self.answers) {
            (Some(1), 2..) => windows,
            (Some(clips), 2..) => format!("clip {} of {clips}, {windows}", self.clip + 1),
            (None, 2..) => format!("clip {}, {windows}", self.clip + 1),
            (Some(clips), _) => format!("{finished} of {clips} clips"),
            (None, _) => format!("{finished} clips"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::live::drawn;
    use super::narrow::FREE;
    use super::*;

    fn line_after(state: &State, seconds: u64, width: usize) -> String {
        let parts = state.parts_after(Duration::from_secs(seconds));
        drawn(&parts, state.fraction(), width, 0)
    }

    fn state(clips: Option<usize>, clip: usize, answered: usize, answers: usize) -> State {
        State {
            clips,
            clip,
            answered,
            answers,
            total: 312,
            ..State::default()
        }
    }

    #[test]
    fn windows_are_counted_with_their_rate_and_the_time_left() {
        let line = |state: State, width| line_after(&state, 60, width);
        assert_eq!(
            line(state(Some(1), 0, 312, 1200), 60),
            "━━━━─────────────  312 of 1200 windows  5.2/s  2:51 left"
        );
        let many = line(state(Some(12), 2, 99, 1200), 80);
        assert!(
            many.ends_with("  clip 3 of 12, 99 of 1200 windows  5.2/s  4:46 left"),
            "{many}"
        );
        let clips = line(state(Some(1000), 311, 1, 1), 60);
        assert!(
            clips.ends_with("  312 of 1000 clips  5.2/s  2:12 left"),
            "{clips}"
        );
        assert_eq!(line(state(None, 311, 1, 1), 60), "⠋ 312 clips  5.2/s");
    }

    #[test]
    fn the_line_leaves_room_at_the_end_of_every_terminal() {
        let states = || {
            [
                state(Some(1), 0, 312, 1200),
                state(Some(10_000), 9998, 9999, 12_000),
                state(None, 311, 44, 1200),
            ]
        };
        for width in 5..200 {
            for state in states() {
                let line = line_after(&state, 100_000, width);
                assert!(line.chars().count() + FREE <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn a_stop_that_was_asked_for_is_shown() {
        let state = state(Some(1), 0, 312, 1200);
        state.stop.ask();
        assert!(
            line_after(&state, 60, 80).ends_with("stopping after this clip  Ctrl-C again: at once")
        );
    }
}
