//! What every format of rows does.

use std::io;

use crate::recognise::Row;
use crate::show::ending::Ending;

/// Writes rows in the order given.
///
/// Errors of the sink come back unchanged, [`io::ErrorKind::BrokenPipe`] too, so that the caller can end quietly when its
/// reader has gone.
pub trait RowWriter {
    /// Writes one row.
    ///
    /// # Errors
    /// Those of the sink.
    fn write(&mut self, row: &Row) -> io::Result<()>;

    /// Writes what follows the last row and flushes. Call it once, at the end.
    ///
    /// JSON and CSV, which look complete as soon as they have an end, say when rows are missing; text and JSON lines are rows
    /// and nothing else.
    ///
    /// # Errors
    /// Those of the sink.
    fn finish(&mut self, ending: Ending) -> io::Result<()>;
}
