//! A plan: fused steps, what they read and write, and where that lies.

use crate::network::{Node, Window, window};

/// The window of a 1x1 convolution.
pub(crate) const POINTWISE: Window = window(1);

/// Where a value lies: some channels of the pixels of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which buffer.
    pub buffer: usize,
    /// Channels of a pixel there.
    pub width: usize,
    /// The first of them that is meant.
    pub first: usize,
    /// How many are meant.
    pub channels: usize,
    /// Frames, rows and columns of an item.
    pub extents: [usize; 3],
}

/// What follows a convolution's sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing yet: bias and batch norm come after the average pool of the next step.
    Pool,
    /// The bias.
    Bias,
    /// The bias, the batch norm of this name, and ReLU.
    NormRelu(String),
}

/// One convolution of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its full name.
    pub convolution: String,
    /// Output channels.
    pub outputs: usize,
    /// What follows.
    pub then: Then,
}

/// What a step computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operator {
    /// Convolutions of one input, their outputs side by side.
    Convolution {
        /// 2 or 3: axes that the window slides along.
        axes: usize,
        /// Kernel, stride and padding.
        window: Window,
        /// The convolutions.
        parts: Vec<Part>,
        /// A max pool of the result, rounded up.
        max_pool: Option<Window>,
    },
    /// A max pool, rounded up. Padding is no pixel.
    MaxPool {
        /// The window.
        window: Window,
    },
    /// An average pool, then bias, batch norm and ReLU of the convolution before it.
    AveragePool {
        /// The window.
        window: Window,
        /// The convolution, whose sums are the input.
        part: Part,
    },
}

/// A fused operator, and what it reads and writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// What is computed.
    pub operator: Operator,
    /// The input.
    pub from: Place,
    /// The output.
    pub to: Place,
    /// Receives the sum before batch norm, residual included.
    pub raw: Option<Place>,
    /// Added to the sum.
    pub residual: Option<Place>,
}

/// The steps of one part of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// In the order in which they run.
    pub steps: Vec<Step>,
    /// How many buffers they use.
    pub buffers: usize,
    /// Where the input lies: all of buffer 0.
    pub input: Place,
    /// Where the outputs lie: each in a buffer that holds nothing else from then on.
    pub outputs: Vec<Place>,
    /// The nodes of the graph that the outputs are the values of.
    pub made: Vec<usize>,
}

/// Why there is no plan: the network has something that no CPU engine computes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no plan for {operator} in {path}")]
pub struct Unplanned {
    /// libtorch's name of the operator.
    pub operator: &'static str,
    /// Full name of its module.
    pub path: String,
}

/// The error for a node that has no plan.
pub(super) fn unplanned(node: &Node) -> Unplanned {
    Unplanned {
        operator: node.op(),
        path: node.path.clone(),
    }
}
