//! The network as a graph of operators, traced from a forward pass, and its drawings.
//!
//! Nothing here knows ECO: every node, scope, shape and cost comes from running the modules under an
//! [`Observer`](crate::model::Observer).

pub mod tensorboard;
mod trace;

pub use trace::{Call, Graph, Layer, LayerTensor, Node};
