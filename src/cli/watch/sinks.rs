//! Everything that `eco watch` writes.

use std::io;

use super::args::Args;
use super::stream::{Fed, Stream};
use crate::show::watch::{EventRow, FailedRow, StepRow, WatchWriter};

/// Standard output and the files asked for.
pub(super) struct Sinks {
    rows: WatchWriter<io::Stdout>,
}

impl Sinks {
    /// Opens all of them, so that a file that cannot be written is known before the work.
    pub(super) fn open(args: &Args) -> anyhow::Result<Self> {
        let rows = WatchWriter::new(args.output.format, io::stdout(), args.sources.len());
        Ok(Self { rows })
    }

    /// Takes the frames that wait for the network.
    pub(super) fn feed(&mut self, stream: &mut Stream) -> anyhow::Result<Fed> {
        stream.feed(|_| Ok(()))
    }

    /// Writes a step everywhere.
    pub(super) fn step(&mut self, _stream: &Stream, row: &StepRow) -> anyhow::Result<()> {
        Ok(self.rows.step(row)?)
    }

    /// Writes an event that ended after the last step.
    pub(super) fn event(&mut self, source: &str, event: &EventRow) -> anyhow::Result<()> {
        Ok(self.rows.event(source, event)?)
    }

    /// Writes that a source has failed.
    pub(super) fn failed(&mut self, row: &FailedRow) -> anyhow::Result<()> {
        Ok(self.rows.failed(row)?)
    }

    /// Nothing has come for a moment.
    pub(super) fn tick(&mut self, _streams: &[Stream]) {}

    /// Clears what is drawn on the terminal while `write` writes there.
    pub(super) fn aside<T>(&mut self, write: impl FnOnce() -> T) -> T {
        write()
    }

    /// Completes the files. Returns what there is to say about them.
    pub(super) fn finish(&mut self) -> anyhow::Result<Vec<String>> {
        Ok(Vec::new())
    }
}
