//! Weights that are kept: imported, written, found again; and those that are part of the program.

pub mod demo;
mod import;
mod imported;
mod imported_file;
pub mod locate;
pub mod seeded;
mod write;

pub use import::{Import, ImportOptions, Precision};
pub use imported::{Choice, Imported, RecordError};
pub use imported_file::{ImportedFile, State, sha256};
pub use write::write;
