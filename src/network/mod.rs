//! What ECO is, without tensors: a tree of modules under the names of the PyTorch implementation, so that state_dicts load
//! by name.
//!
//! One description, [`Network`], from which come the state_dict's names and shapes, PyTorch's `print(net)`, the graph of
//! operators with its costs, the forward pass on libtorch, and the plan of the CPU engines. The inception blocks are rows of
//! a table. ECO-Lite and ECO-Full share the 2D net up to block 3c and the 3D net.
//!
//! Source: Zolfaghari, Singh and Brox, "ECO: Efficient Convolutional Network for Online Video Understanding", ECCV 2018
//! (arXiv 1804.09066); the arithmetic is that of the official PyTorch release, mzolfaghari/ECO-pytorch @ b175e7c.

mod attribute;
mod eco;
mod eco_2d;
mod eco_2d_s;
mod eco_3d;
mod error;
mod forward;
mod inception;
mod layer;
mod module;
mod print;
#[cfg(test)]
mod tests;
mod trace;

pub use attribute::{Attribute, Setting, Shown};
pub use eco::{Network, TensorSpec, is_counter, is_of_the_head, is_of_the_last_stage};
pub use error::{Error, Result};
pub use forward::{Backend, run};
pub use layer::{
    BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, Layer, LayerTensor, Role, Window, window,
};
pub use module::{Block, Child, Function, Module, Var, join};
pub use trace::{Call, Graph, Node, Operation};
