//! Words and numbers as people read them: natural order, numbers with units, names of values and names of unknown origin,
//! dates, what fits a terminal.

mod date;
mod encoding;
mod names;
mod natural;
pub mod number;
mod pipe;
mod printable;
mod shell;
pub mod terminal;

pub use date::iso_date;
pub use encoding::without_mark;
pub use names::UnknownName;
pub(crate) use names::names;
pub use natural::natural_order;
pub use number::counted;
pub use pipe::is_broken_pipe;
pub use printable::{one_line, printable, visible};
pub use shell::shell_word;
