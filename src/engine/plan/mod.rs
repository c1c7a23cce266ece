//! The network as a CPU engine computes it: lists of fused steps from one place in memory to another.
//!
//! A plan is made of the traced [`Graph`](crate::network::Graph), not of ECO. `cut` cuts the graph into parts that differ in
//! what they work on: a frame, many frames, a clip. `lowering` makes steps of a part: a convolution takes its batch norm,
//! ReLU, residual and max pool along; convolutions of one input that are alike lie side by side; branches write straight into
//! the buffer of their concatenation; an average pool comes after the 1x1 convolution that follows it, for both are linear
//! and fewer channels are left to pool. `placing` gives buffers out again when nothing in them is read any more.

mod cut;
mod lowering;
mod placing;
mod step;
#[cfg(test)]
mod tests;

pub use cut::{Plans, Pooled};
pub use step::{Operator, POINTWISE, Part, Place, Plan, Step, Then, Unplanned};
