//! Words and numbers as people read them: natural order, numbers with units, names of unknown origin, words for a shell.

mod natural;
pub mod number;
mod printable;
mod shell;

pub use natural::natural_order;
pub use printable::{printable, visible};
pub use shell::shell_word;
