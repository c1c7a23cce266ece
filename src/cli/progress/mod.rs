//! How far the work is, on standard error when that is a terminal.

mod narrow;

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::recognise::Stop;
use crate::text::number::clock;
use crate::text::terminal;
use narrow::{FREE, NarrowTerminal};

/// A line that is drawn over and over: a bar, what is done, how fast, and how long the rest will take.
pub(super) struct Progress {
    line: ProgressBar,
    state: Arc<Mutex<State>>,
}

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
    /// Nothing is shown when `hidden`, and when standard error is no terminal. Neither is it when standard output is a pipe:
    /// whatever reads it, a pager for instance, probably writes to the same terminal.
    pub(super) fn new(clips: Option<usize>, hidden: bool) -> Self {
        let state = Arc::new(Mutex::new(State {
            clips,
            ..State::default()
        }));
        if hidden || !io::stderr().is_terminal() || terminal::is_pipe(io::stdout()) {
            let line = ProgressBar::hidden();
            return Self { line, state };
        }
        let shown = Arc::clone(&state);
        let write = move |progress: &ProgressState, out: &mut dyn std::fmt::Write| {
            let width = narrow::width();
            let tick = progress.elapsed().as_millis() as usize / TICK.as_millis() as usize;
            let state = shown.lock().unwrap_or_else(PoisonError::into_inner);
            // A failed write leaves a gap in a line that is drawn again at once.
            let _ = out.write_str(&state.line(width, tick));
        };
        let style = ProgressStyle::with_template("{line}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(NarrowTerminal), 20);
        let line = ProgressBar::with_draw_target(None, target);
        line.set_style(style.with_key("line", write));
        line.enable_steady_tick(TICK);
        Self { line, state }
    }

    /// What is going on.
    pub(super) fn message(&self, message: &'static str) {
        self.change(|state| state.message = message);
    }

    /// The first clip begins: what came before does not count for the rate. From when `stop` is asked on, the line says so.
    pub(super) fn begin(&self, stop: Stop) {
        self.change(|state| {
            state.message = "reading the first clip";
            state.begun = Some(Instant::now());
            state.stop = stop;
        });
    }

    /// There is an answer for the clip at this place in the input, from 0: the `answer`th, from 0, of `answers`.
    pub(super) fn answered(&self, clip: usize, answer: usize, answers: usize) {
        self.change(|state| {
            state.clip = clip;
            state.answered = answer + 1;
            state.answers = answers;
            state.total += 1;
        });
    }

    /// Something about the answers so far, shown last.
    pub(super) fn note(&self, note: Option<String>) {
        self.change(|state| state.note = note);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Clears the line while `write` writes to the terminal.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.line.suspend(write)
    }

    /// Removes the line.
    pub(super) fn end(&self) {
        self.line.finish_and_clear();
    }
}

/// From one drawing of the line to the next.
const TICK: Duration = Duration::from_millis(120);
/// The longest and the shortest bar.
const BAR: (usize, usize) = (28, 4);
const SPINNER: [&str; 8] = ["⠋", "⠙", "⠹", "⠸", "⠴", "⠦", "⠧", "⠇"];

impl State {
    /// The line, in at most `width` columns. `tick` turns the spinner.
    fn line(&self, width: usize, tick: usize) -> String {
        let elapsed = self.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        self.line_after(elapsed, width, tick)
    }

    fn line_after(&self, elapsed: Duration, width: usize, tick: usize) -> String {
        let room = width.saturating_sub(FREE);
        let spinner = SPINNER[tick % SPINNER.len()];
        let parts = self.parts(elapsed);
        let joined = |count: usize| parts[..count].join("  ");
        let fits = |&count: &usize| joined(count).chars().count() + 2 <= room;
        let text = joined((1..=parts.len()).rev().find(fits).unwrap_or(0));
        let bar = room.saturating_sub(text.chars().count() + 2).min(BAR.0);
        match self.fraction() {
            Some(done) if bar >= BAR.1 => format!("{}  {text}", drawn(done, bar)),
            _ => format!("{spinner} {text}").chars().take(room).collect(),
        }
    }

    /// What is done, how fast, how long the rest takes: the later parts are left out where there is no room.
    fn parts(&self, elapsed: Duration) -> Vec<String> {
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

    /// How much is done, 0 to 1, where that can be told. Clips that have not begun count as much as the others.
    fn fraction(&self) -> Option<f64> {
        let clips = self.clips.filter(|_| self.total > 0)?;
        let here = self.answered as f64 / self.answers.max(1) as f64;
        Some((self.clip as f64 + here) / clips.max(1) as f64)
    }
}

/// A bar of `width` columns.
fn drawn(done: f64, width: usize) -> String {
    let filled = ((done * width as f64) as usize).min(width);
    "━".repeat(filled) + &"─".repeat(width - filled)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let line = |state: State, width| state.line_after(Duration::from_secs(60), width, 0);
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
                let line = state.line_after(Duration::from_secs(100_000), width, 0);
                assert!(line.chars().count() + FREE <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn a_stop_that_was_asked_for_is_shown() {
        let state = state(Some(1), 0, 312, 1200);
        state.stop.ask();
        assert!(
            state
                .line(80, 0)
                .ends_with("stopping after this clip  Ctrl-C again: at once")
        );
    }
}
