use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line to stderr. Whoever reads that may have gone, which is no reason to fail.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
