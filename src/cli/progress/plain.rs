//! How far the work is, in lines, where there is no terminal for a line that is drawn over and over.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use crate::cli::say::say;
use crate::text::number::clock;

/// From one line to the next.
const EVERY: Duration = Duration::from_secs(30);

/// Says now and then how many clips have been looked at.
pub(in crate::cli) struct Plain {
    clips: usize,
    begun: Instant,
    /// When the next line is due.
    next: Duration,
    is_shown: bool,
}

impl Plain {
    /// Nothing is said when `hidden`, and when standard error is a terminal.
    pub(in crate::cli) fn new(clips: usize, hidden: bool) -> Self {
        Self {
            clips,
            begun: Instant::now(),
            next: EVERY,
            is_shown: !hidden && !io::stderr().is_terminal(),
        }
    }

    /// So many clips have been looked at.
    pub(in crate::cli) fn done(&mut self, done: usize) {
        let line = self.line(done, self.begun.elapsed());
        if let (Some(line), true) = (line, self.is_shown) {
            say(line);
        }
    }

    /// The line that is due after such a time.
    fn line(&mut self, done: usize, elapsed: Duration) -> Option<String> {
        if elapsed < self.next || done == 0 || done >= self.clips {
            return None;
        }
        self.next = elapsed + EVERY;
        let seconds = elapsed.as_secs_f64();
        let left = seconds * (self.clips - done) as f64 / done as f64;
        Some(format!(
            "eco: looked at {done} of {} clips, {:.1} clips/s, {} left",
            self.clips,
            done as f64 / seconds,
            clock(left)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_every_half_minute_until_the_last_clip() {
        let mut plain = Plain::new(400, false);
        let mut at = |done, seconds| plain.line(done, Duration::from_secs(seconds));
        assert_eq!(at(10, 29), None);
        assert_eq!(
            at(100, 40).unwrap(),
            "eco: looked at 100 of 400 clips, 2.5 clips/s, 2:00 left"
        );
        assert_eq!(at(160, 69), None);
        assert!(at(170, 70).is_some());
        assert_eq!(at(400, 200), None);
    }
}
