//! CSV: one line per class of each clip.

use std::fmt::Display;
use std::io::{self, Write};

use serde_json::Value;

use super::writer::RowWriter;
use crate::recognise::{Class, FrameRange, Prediction, Row, Timings};
use crate::show::ending::Ending;

/// Writes a header and one line per class, which spreadsheets and data frames read without unpacking. A failed clip is one line
/// with its error. A list (frames, logits) is one field, its values separated by spaces.
pub struct CsvWriter<W: Write> {
    writer: csv::Writer<W>,
    header: Header,
}

enum Header {
    Due,
    Written,
}

/// One line: a row, and the rank (from 1) and class that it shows.
struct Line<'a> {
    row: &'a Row,
    class: Option<(usize, &'a Class)>,
}

type Column = (&'static str, fn(&Line) -> String);

const COLUMNS: [Column; 22] = [
    ("clip", |line| line.row.clip().text()),
    ("start_frame", |line| {
        field(line.range(), |range| range.start_frame)
    }),
    ("end_frame", |line| {
        field(line.range(), |range| range.end_frame)
    }),
    ("start_seconds", |line| {
        field(line.range().and_then(|range| range.start_seconds), |s| s)
    }),
    ("end_seconds", |line| {
        field(line.range().and_then(|range| range.end_seconds), |s| s)
    }),
    ("rank", |line| field(line.class, |(rank, _)| rank)),
    ("index", |line| field(line.class, |(_, class)| class.index)),
    ("label", |line| {
        field(line.class, |(_, class)| class.label.as_str())
    }),
    ("score", |line| field(line.class, |(_, class)| class.score)),
    ("logit", |line| field(line.class, |(_, class)| class.logit)),
    ("uncertain", |line| {
        field(line.answer(), |answer| answer.uncertain)
    }),
    ("source_frames", |line| {
        field(line.answer(), |answer| answer.source_frames)
    }),
    ("frames", |line| {
        field(line.answer(), |answer| list(&answer.frames))
    }),
    ("views", |line| field(line.answer(), |answer| answer.views)),
    ("decode_ms", |line| {
        field(line.timings(), |timings| timings.decode_ms)
    }),
    ("forward_ms", |line| {
        field(line.timings(), |timings| timings.forward_ms)
    }),
    ("engine", |line| {
        field(line.answer(), |answer| answer.engine.as_str())
    }),
    ("precision", |line| {
        field(line.answer(), |answer| answer.precision.as_str())
    }),
    ("logits", |line| {
        field(line.answer().and_then(|a| a.logits.as_deref()), list)
    }),
    ("line", |line| field(line.row.given().line, |number| number)),
    ("id", |line| match line.row.given().fields.get("id") {
        Some(Value::String(id)) => id.clone(),
        other => field(other, |id| id),
    }),
    ("error", |line| match line.row {
        Row::Answer(_) => String::new(),
        Row::Failed(failure) => failure.error.clone(),
    }),
];

impl<'a> Line<'a> {
    fn range(&self) -> Option<&'a FrameRange> {
        self.row.range()
    }

    fn timings(&self) -> Option<Timings> {
        self.answer().and_then(|answer| answer.timings)
    }

    fn answer(&self) -> Option<&'a Prediction> {
        match self.row {
            Row::Answer(prediction) => Some(prediction),
            Row::Failed(_) => None,
        }
    }
}

/// The field for `value`: empty where there is none.
fn field<T, D: Display>(value: Option<T>, show: impl FnOnce(T) -> D) -> String {
    value
        .map(|value| show(value).to_string())
        .unwrap_or_default()
}

fn list<T: Display>(values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(T::to_string).collect();
    values.join(" ")
}

impl<W: Write> CsvWriter<W> {
    /// A writer to `sink`.
    pub fn new(sink: W) -> Self {
        Self {
            writer: csv::Writer::from_writer(sink),
            header: Header::Due,
        }
    }

    fn header(&mut self) -> io::Result<()> {
        if let Header::Due = self.header {
            self.writer.write_record(COLUMNS.map(|(name, _)| name))?;
            self.header = Header::Written;
        }
        Ok(())
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        Ok(self
            .writer
            .write_record(COLUMNS.map(|(_, value)| value(line)))?)
    }
}

impl<W: Write> RowWriter for CsvWriter<W> {
    fn write(&mut self, row: &Row) -> io::Result<()> {
        self.header()?;
        match row {
            Row::Answer(prediction) => {
                for (index, class) in prediction.top.iter().enumerate() {
                    self.line(&Line {
                        row,
                        class: Some((index + 1, class)),
                    })?;
                }
            }
            Row::Failed(_) => self.line(&Line { row, class: None })?,
        }
        self.writer.flush()
    }

    fn finish(&mut self, ending: Ending) -> io::Result<()> {
        self.header()?;
        if let Some(reason) = ending.reason() {
            let note = format!("incomplete: {reason}");
            let fields = COLUMNS.map(|(name, _)| if name == "error" { &note[..] } else { "" });
            self.writer.write_record(fields)?;
        }
        self.writer.flush()
    }
}
