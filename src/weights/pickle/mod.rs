//! A first pass over a checkpoint's pickles, before the reader builds objects from them.
//!
//! [`scan`] walks the opcodes with references instead of copies, so that it can say what the reader
//! cannot: the order of keys, which dictionaries are one and the same, which classes are named. It
//! also bounds what the reader will have to build. [`guard`] applies it to each container.

pub(super) mod class_ids;
pub(super) mod guard;
mod ops;
mod scan;
mod values;

pub(super) use scan::Scan;
