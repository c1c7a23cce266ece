//! How far the work is, on standard error when that is a terminal.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// A bar where the number of clips is known, else a counter.
pub struct Progress(ProgressBar);

impl Progress {
    /// Nothing is shown when `hidden`, or when standard error is no terminal.
    pub fn new(total: Option<usize>, hidden: bool) -> Self {
        if hidden || !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let (bar, template) = match total {
            Some(1) => (ProgressBar::new_spinner(), "{spinner} {msg}"),
            Some(total) => (
                ProgressBar::new(total as u64),
                "{bar:28.cyan} {pos}/{len} clips  {rate}  {left}  {msg}",
            ),
            None => (
                ProgressBar::new_spinner(),
                "{spinner} {pos} clips  {rate}  {msg}",
            ),
        };
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━╸─")
            .with_key(
                "rate",
                |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    // A failed write leaves a gap in a line that is drawn again at once.
                    let rate = state.per_sec();
                    let digits = if rate < 1.0 { 2 } else { 1 };
                    let _ = write!(out, "{rate:.digits$} clips/s");
                },
            )
            .with_key(
                "left",
                |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    if state.pos() > 0 {
                        let _ = write!(out, "{} left", clock(state.eta()));
                    }
                },
            );
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// What is going on.
    pub fn message(&self, text: &'static str) {
        self.0.set_message(text);
    }

    /// The first clip begins: what came before does not count for the rate.
    pub fn begin(&self) {
        self.0.set_message("");
        self.0.reset_elapsed();
        self.0.reset_eta();
    }

    /// So many clips are done.
    pub fn done(&self, clips: usize) {
        self.0.set_position(clips as u64);
    }

    /// Clears the line while `write` writes to the terminal.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    /// Removes the line.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// `0:09`, `12:30`, `1:02:05`.
fn clock(time: Duration) -> String {
    let (hours, minutes, seconds) = {
        let seconds = time.as_secs();
        (seconds / 3600, seconds / 60 % 60, seconds % 60)
    };
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}
