//! Output formats: one file each, behind one trait.

mod csv;
mod ending;
pub mod graph;
mod json;
mod jsonl;
mod picture;
pub mod report;
pub mod sheet;
pub mod summary;
pub mod table;
mod text;

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

pub use self::csv::CsvWriter;
pub use ending::{Cut, Ending};
pub use json::JsonWriter;
pub use jsonl::JsonlWriter;
pub use picture::{Picture, PictureError, Strip, StripSize};
pub use text::{Colour, TextStyle, TextWriter};

use crate::recognise::Row;

/// Writes rows in the order given.
///
/// Every error of the sink comes back as it is, [`io::ErrorKind::BrokenPipe`] too, so that the caller can end quietly when
/// its reader has gone.
pub trait RowWriter {
    /// Writes one row.
    ///
    /// # Errors
    /// What the sink said.
    fn write(&mut self, row: &Row) -> io::Result<()>;

    /// Writes what follows the last row and flushes. Call it once, at the end.
    ///
    /// JSON and CSV, which look complete as soon as they have an end, say when rows are missing; text and JSON lines are rows
    /// and nothing else.
    ///
    /// # Errors
    /// What the sink said.
    fn finish(&mut self, ending: Ending) -> io::Result<()>;
}

/// The form in which rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A table for people: rank, label, bar and percentage
    #[default]
    Text,
    /// One object for one row, a list of objects for several
    Json,
    /// One object per line, each written as soon as its clip is done
    Jsonl,
    /// One line per class of each clip, with a header
    Csv,
}

impl Format {
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
