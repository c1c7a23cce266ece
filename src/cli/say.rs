use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line to standard error. A closed standard error is ignored.
pub(super) fn say(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
