use std::fmt::Display;
use std::io::{self, Write};

use crate::text::visible;

/// Writes text and a line end to standard error. Names that it quotes cannot steer the terminal. A closed standard error is
/// ignored.
pub(super) fn say(text: impl Display) {
    let _ = writeln!(io::stderr(), "{}", visible(&text.to_string()));
}
