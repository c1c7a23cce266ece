//! Fitting networks to labelled clips. `docs/training.md` explains the design.

pub mod head;
