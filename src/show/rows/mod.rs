//! Rows for standard output: one file per format, behind one trait.

mod csv;
mod format;
mod json;
mod jsonl;
mod read;
mod text;
mod writer;

pub use self::csv::CsvWriter;
pub use format::RowFormat;
pub use json::JsonWriter;
pub use jsonl::JsonlWriter;
pub use read::{Place, ReadRowsError, read_rows};
pub use text::{Colour, TextStyle, TextWriter};
pub use writer::RowWriter;
