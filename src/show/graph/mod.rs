//! The network as a graph of operators, traced from a forward pass, and its drawings.
//!
//! Nothing here is specific to ECO: every node, scope, shape and cost comes from the traced [`Graph`].

mod dot;
mod drawing;
mod format;
mod html;
mod layout;
mod mermaid;
mod svg;
pub mod tensorboard;

pub use crate::network::{Call, Graph, Node};
pub use format::{DrawingFormat, draw};
