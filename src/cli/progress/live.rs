//! A line that is drawn over and over on standard error.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::narrow::{self, FREE, NarrowTerminal};
use crate::text::terminal;

/// From one drawing of the line to the next.
const TICK: Duration = Duration::from_millis(120);
/// The longest and the shortest bar.
const BAR: (usize, usize) = (28, 4);
const SPINNER: [&str; 8] = ["⠋", "⠙", "⠹", "⠸", "⠴", "⠦", "⠧", "⠇"];

/// What a line shows.
pub(super) trait Shown: Send + 'static {
    /// What there is to say: the later parts are left out where there is no room.
    fn parts(&self) -> Vec<String>;

    /// How much is done, 0 to 1, where that can be told.
    fn fraction(&self) -> Option<f64>;
}

/// The line, and what it shows.
pub(super) struct Live<S> {
    line: ProgressBar,
    state: Arc<Mutex<S>>,
}

impl<S: Shown> Live<S> {
    /// Nothing is shown when `hidden`, and when standard error is no terminal. Neither is it when standard output is a pipe:
    /// whatever reads it, a pager for instance, probably writes to the same terminal.
    pub(super) fn new(state: S, hidden: bool) -> Self {
        let state = Arc::new(Mutex::new(state));
        if hidden || !io::stderr().is_terminal() || terminal::is_pipe(io::stdout()) {
            let line = ProgressBar::hidden();
            return Self { line, state };
        }
        let shown = Arc::clone(&state);
        let write = move |progress: &ProgressState, out: &mut dyn std::fmt::Write| {
            let tick = progress.elapsed().as_millis() as usize / TICK.as_millis() as usize;
            let state = shown.lock().unwrap_or_else(PoisonError::into_inner);
            let line = drawn(&state.parts(), state.fraction(), narrow::width(), tick);
            // A failed write leaves a gap in a line that is drawn again at once.
            let _ = out.write_str(&line);
        };
        let style = ProgressStyle::with_template("{line}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(NarrowTerminal), 20);
        let line = ProgressBar::with_draw_target(None, target);
        line.set_style(style.with_key("line", write));
        line.enable_steady_tick(TICK);
        Self { line, state }
    }

    /// Changes what is shown.
    pub(super) fn change(&self, change: impl FnOnce(&mut S)) {
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

/// The line, in at most `width` columns. `tick` turns the spinner.
pub(super) fn drawn(parts: &[String], fraction: Option<f64>, width: usize, tick: usize) -> String {
    let room = width.saturating_sub(FREE);
    let spinner = SPINNER[tick % SPINNER.len()];
    let joined = |count: usize| parts[..count].join("  ");
    let fits = |&count: &usize| joined(count).chars().count() + 2 <= room;
    let text = joined((1..=parts.len()).rev().find(fits).unwrap_or(0));
    let bar_room = room.saturating_sub(text.chars().count() + 2).min(BAR.0);
    match fraction {
        Some(done) if bar_room >= BAR.1 => format!("{}  {text}", bar(done, bar_room)),
        _ => format!("{spinner} {text}").chars().take(room).collect(),
    }
}

/// A bar of `width` columns.
fn bar(done: f64, width: usize) -> String {
    let filled = ((done * width as f64) as usize).min(width);
    "━".repeat(filled) + &"─".repeat(width - filled)
}
