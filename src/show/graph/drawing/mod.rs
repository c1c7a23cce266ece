//! What every picture of a graph shows: boxes, edges and frames, before they are given places.

mod builder;
mod parts;
mod words;

pub(super) use builder::drawing;
pub(super) use parts::{Drawing, Edge, Flow, Group, Part, Unit};
