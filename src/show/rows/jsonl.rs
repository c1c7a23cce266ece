//! JSON lines: one object per line, flushed after each line.

use std::io::{self, Write};

use super::writer::RowWriter;
use crate::recognise::Row;
use crate::show::ending::Ending;

/// Writes each row as one line and flushes it, so that a program reading the pipe gets it at once.
#[derive(Debug)]
pub struct JsonlWriter<W: Write> {
    sink: W,
}

impl<W: Write> JsonlWriter<W> {
    /// A writer to `sink`.
    pub fn new(sink: W) -> Self {
        Self { sink }
    }
}

impl<W: Write> RowWriter for JsonlWriter<W> {
    fn write(&mut self, row: &Row) -> io::Result<()> {
        // One write per line: a line is whole or absent, whatever ends the program.
        let mut line = serde_json::to_vec(row)?;
        line.push(b'\n');
        self.sink.write_all(&line)?;
        self.sink.flush()
    }

    fn finish(&mut self, _: Ending) -> io::Result<()> {
        self.sink.flush()
    }
}
