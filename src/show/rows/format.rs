//! The formats of rows, by name.

use std::io::Write;

use super::csv::CsvWriter;
use super::json::JsonWriter;
use super::jsonl::JsonlWriter;
use super::text::{TextStyle, TextWriter};
use super::writer::RowWriter;
use crate::text::names;

/// The format in which rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RowFormat {
    /// A table for people: rank, label, bar and percentage.
    #[default]
    Text,
    /// A list of objects, one per row.
    Json,
    /// One object per line, each written as soon as its clip is done.
    Jsonl,
    /// One line per class of each clip, with a header.
    Csv,
}

names!(RowFormat { Text = "text", Json = "json", Jsonl = "jsonl", Csv = "csv" });

impl RowFormat {
    /// A writer of this format to `sink`; `style` is for text only.
    pub fn writer<'w>(self, sink: impl Write + 'w, style: TextStyle) -> Box<dyn RowWriter + 'w> {
        match self {
            Self::Text => Box::new(TextWriter::new(sink, style)),
            Self::Json => Box::new(JsonWriter::new(sink)),
            Self::Jsonl => Box::new(JsonlWriter::new(sink)),
            Self::Csv => Box::new(CsvWriter::new(sink)),
        }
    }
}
