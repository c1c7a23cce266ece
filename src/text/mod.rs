//! Words and numbers as people read them: natural order, numbers with units.

mod natural;
pub mod number;

pub use natural::natural_order;
