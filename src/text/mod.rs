//! Words and numbers as people read them: natural order, numbers with units.

mod names;
mod natural;
pub mod number;

pub use names::UnknownName;
pub(crate) use names::names;
pub use natural::natural_order;
