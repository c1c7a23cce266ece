//! Standard error as indicatif draws on it.

use std::io::{self, Write};

use indicatif::TermLike;

use crate::text::terminal;

/// Columns at the end of the line that stay free.
pub(super) const FREE: usize = 4;

/// The terminal, a few columns narrower than it is. indicatif fills its line to the last column; a `^C` that the terminal then
/// shows would begin a line of its own, and the one above would never be cleared.
#[derive(Debug)]
pub(super) struct NarrowTerminal;

/// Columns of the terminal.
pub(super) fn width() -> usize {
    terminal::width(io::stderr()).unwrap_or(80)
}

impl TermLike for NarrowTerminal {
    fn width(&self) -> u16 {
        width().saturating_sub(FREE).try_into().unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        moved(lines, 'A')
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        moved(lines, 'B')
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        moved(columns, 'C')
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        moved(columns, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{text}")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        write!(io::stderr(), "{text}")
    }

    fn clear_line(&self) -> io::Result<()> {
        write!(io::stderr(), "\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn moved(by: usize, direction: char) -> io::Result<()> {
    match by {
        0 => Ok(()),
        _ => write!(io::stderr(), "\x1b[{by}{direction}"),
    }
}
