//! Lines that are drawn over and over on the terminal.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// From one drawing to the next, where nothing has happened.
const TICK: Duration = Duration::from_millis(200);

/// The lower end of the terminal.
pub(super) struct Screen {
    shown: usize,
    drawn: Option<Instant>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self {
            shown: 0,
            drawn: None,
        }
    }

    /// Whether it is time to draw again although nothing has happened.
    pub(super) fn is_due(&self) -> bool {
        self.drawn.is_none_or(|drawn| drawn.elapsed() >= TICK)
    }

    /// Draws these lines in the place of those before.
    pub(super) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let mut text = self.up();
        for line in lines {
            text += &format!("\x1b[2K{line}\n");
        }
        // What is left of a longer view.
        text += "\x1b[J";
        self.shown = lines.len();
        self.drawn = Some(Instant::now());
        put(&text)
    }

    /// Clears the lines, so that something can be written in their place; they are drawn again below it.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        let text = self.up() + "\x1b[J";
        self.shown = 0;
        self.drawn = None;
        put(&text)
    }

    /// To the start of the first line.
    fn up(&self) -> String {
        match self.shown {
            0 => "\r".to_owned(),
            lines => format!("\r\x1b[{lines}A"),
        }
    }
}

fn put(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
