//! What every format of rows does.

use std::io;

use crate::recognise::Row;
use crate::show::ending::Ending;

/// Writes rows in the order given.
///
/// Errors of the sink are returned unchanged, including [`io::ErrorKind::BrokenPipe`], so that the caller can end quietly when
/// its reader has gone.
pub trait RowWriter {
    /// Writes one row.
    ///
    /// # Errors
    /// Those of the sink.
    fn write(&mut self, row: &Row) -> io::Result<()>;

    /// Writes what follows the last row and flushes. Call it once, at the end.
    ///
    /// JSON and CSV say when rows are missing, because their end makes them look complete. Text and JSON lines contain nothing
    /// but rows.
    ///
    /// # Errors
    /// Those of the sink.
    fn finish(&mut self, ending: Ending) -> io::Result<()>;
}
