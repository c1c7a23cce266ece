//! Words and numbers as people read them: natural order, numbers with units.

mod natural;
pub mod number;
mod shell;

pub use natural::natural_order;
pub use shell::shell_word;
