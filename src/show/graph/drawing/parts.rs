//! Boxes, edges and frames, without coordinates.

use super::words::{cost, dimensions};

/// A graph reduced to what a reader needs to see.
#[derive(Debug)]
pub(crate) struct Drawing {
    /// Class name of the network.
    pub title: String,
    /// What it costs, in words.
    pub subtitle: String,
    /// The boxes, in the order in which they run.
    pub units: Vec<Unit>,
    /// What flows between them.
    pub edges: Vec<Edge>,
    /// The blocks, parents before children.
    pub groups: Vec<Group>,
}

/// One box: an operator, a folded block, or a layer together with the elementwise layers that only it feeds.
#[derive(Debug)]
pub(crate) struct Unit {
    /// Full name of the first layer.
    pub name: String,
    /// Its last part, or the operator.
    pub title: String,
    /// What it does, such as `Conv2d 3×3 + BatchNorm2d + ReLU`.
    pub work: String,
    /// What kind of thing it is.
    pub part: Part,
    /// The innermost frame around it.
    pub group: Option<usize>,
    /// Shape of its output.
    pub shape: Vec<usize>,
    /// Multiply-accumulates.
    pub macs: usize,
    /// Learned numbers.
    pub parameters: usize,
    /// Everything about it, a line per layer.
    pub details: Vec<String>,
}

/// What kind of thing a [`Unit`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What goes into the network, or comes out.
    Terminal,
    /// A window with weights.
    Convolution,
    /// A window without weights.
    Pool,
    /// Element by element.
    Pointwise,
    /// Several values become one.
    Join,
    /// The same elements in another shape.
    Reshape,
    /// A layer that is none of the above.
    Dense,
    /// A folded block.
    Block,
}

/// A value on its way from one box to another.
#[derive(Debug)]
pub(crate) struct Edge {
    /// Index of the box it leaves.
    pub from: usize,
    /// Index of the box it enters.
    pub to: usize,
    /// Main path or shortcut.
    pub flow: Flow,
}

/// The role of an edge in a residual block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Any other edge.
    Main,
    /// Part of the shortcut around a residual block.
    Shortcut,
}

/// A frame around the boxes of a block.
#[derive(Debug)]
pub(crate) struct Group {
    /// Full name.
    pub path: String,
    /// Its last part.
    pub name: String,
    /// Class name.
    pub type_name: &'static str,
    /// The frame around it.
    pub parent: Option<usize>,
    /// How many frames are around it.
    pub depth: usize,
    /// Costs of what is in it, in words.
    pub cost: String,
}

impl Drawing {
    /// Multiply-accumulates of the most expensive box.
    pub(crate) fn most_macs(&self) -> usize {
        self.units.iter().map(|unit| unit.macs).max().unwrap_or(0)
    }

    /// Cost of a box from 0 to 1, on a square-root scale, so that cheap boxes still differ.
    pub(crate) fn heat(&self, unit: &Unit) -> f64 {
        (unit.macs as f64 / self.most_macs().max(1) as f64).sqrt()
    }
}

impl Unit {
    /// The cost in words; empty when there is none worth showing.
    pub(crate) fn cost(&self) -> String {
        if self.macs == 0 || self.part == Part::Pointwise {
            return String::new();
        }
        cost(self.macs, self.parameters)
    }

    /// `16×64×28×28`.
    pub(crate) fn shape_text(&self) -> String {
        dimensions(&self.shape)
    }
}
