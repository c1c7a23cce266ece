//! Outputs, one file each: rows for standard output, files of values, the report, the contact sheet, the network's drawings
//! and tables.

mod bar;
mod canvas;
mod ending;
pub mod evaluation;
pub mod fit;
pub mod graph;
mod picture;
pub mod report;
mod rows;
pub mod sheet;
mod strip;
pub mod summary;
pub mod tensorboard;
pub mod training;
pub mod values;
pub mod watch;
mod words;

pub use ending::{Cut, Ending};
pub use picture::{Picture, PictureError, PictureFileError};
pub use rows::{
    Colour, CsvWriter, JsonWriter, JsonlWriter, Place, ReadRowsError, RowFormat, RowWriter,
    TextStyle, TextWriter, read_rows,
};
