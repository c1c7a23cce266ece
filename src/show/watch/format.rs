//! The formats of standard output.

use std::io::{self, Write};

use serde::Serialize;

use super::lines::{event_line, step_line};
use super::row::{EventRow, FailedRow, StepRow};
use crate::text::names;

/// How steps are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WatchFormat {
    /// For people: on a terminal a view that is drawn in place, else a line per step.
    #[default]
    Text,
    /// One object per line, each written as soon as it is known.
    Jsonl,
}

names!(WatchFormat { Text = "text", Jsonl = "jsonl" });

/// Writes steps, each at once. Errors of the sink are returned unchanged, so that the caller can end quietly when its reader has
/// gone.
#[derive(Debug)]
pub struct WatchWriter<W: Write> {
    format: WatchFormat,
    sink: W,
    /// Whether lines name their source.
    names_sources: bool,
}

impl<W: Write> WatchWriter<W> {
    /// A writer to `sink`. Lines of text name their source where there are several.
    pub fn new(format: WatchFormat, sink: W, sources: usize) -> Self {
        Self {
            format,
            sink,
            names_sources: sources > 1,
        }
    }

    /// Writes a step, and in text the events that ended with it.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn step(&mut self, row: &StepRow) -> io::Result<()> {
        match self.format {
            WatchFormat::Jsonl => self.object(row),
            WatchFormat::Text => {
                let ended = row.ended.iter().map(event_line);
                let lines: Vec<String> = match row.last {
                    true => [step_line(row)].into_iter().chain(ended).collect(),
                    false => ended.chain([step_line(row)]).collect(),
                };
                lines
                    .iter()
                    .try_for_each(|line| self.line(&row.source, line))
            }
        }
    }

    /// Writes an event that no step has told: it ended with the stream, after the last step.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn event(&mut self, source: &str, event: &EventRow) -> io::Result<()> {
        match self.format {
            WatchFormat::Jsonl => self.object(&EndRow {
                source,
                ended: [event],
            }),
            WatchFormat::Text => self.line(source, &event_line(event)),
        }
    }

    /// Writes why a source ended early; text leaves that to standard error.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn failed(&mut self, row: &FailedRow) -> io::Result<()> {
        match self.format {
            WatchFormat::Jsonl => self.object(row),
            WatchFormat::Text => Ok(()),
        }
    }

    fn object(&mut self, row: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(row)?;
        line.push(b'\n');
        self.sink.write_all(&line)?;
        self.sink.flush()
    }

    fn line(&mut self, source: &str, line: &str) -> io::Result<()> {
        let line = match self.names_sources {
            true => format!("{source}: {line}\n"),
            false => format!("{line}\n"),
        };
        self.sink.write_all(line.as_bytes())?;
        self.sink.flush()
    }
}

/// The end of a stream without a step of its own.
#[derive(Serialize)]
struct EndRow<'a> {
    source: &'a str,
    ended: [&'a EventRow; 1],
}
