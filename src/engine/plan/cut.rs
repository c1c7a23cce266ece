//! Cuts the graph of a clip where an engine cuts it.

use std::collections::BTreeSet;

use super::lowering::Region;
use super::step::{Plan, Unplanned, unplanned};
use crate::network::{Function, Graph, Layer, Node, Operation};

/// The network cut where an engine cuts it.
pub(crate) struct Plans {
    /// The 2D net up to the map, a frame at a time. Its first output is the map; the second one, if there is a tail, is what
    /// that reads.
    pub frames: Plan,
    /// The 2D net after the map: large filters on small maps, better read once for many frames.
    pub tail: Option<Plan>,
    /// The 3D net: the maps of a clip to what the global pool averages.
    pub volume: Plan,
    /// What the features of a clip are, one after the other.
    pub features: Vec<Pooled>,
    /// Full name of the linear layer at the end.
    pub head: String,
}

/// Features of a clip: a mean of all that a plan's output holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooled {
    /// Of the tail, over the pixels of each frame and then over the frames.
    Tail,
    /// Of the 3D net, over pixels and frames.
    Volume,
}

impl Plans {
    /// Plans the graph of one clip. Backwards from its end: a linear layer, whose input is the mean of the 3D net, or the
    /// mean over frames of the tail beside it; the 3D layers up to a transpose; the 2D layers up to the view that makes
    /// frames of the clip.
    ///
    /// # Errors
    /// [`Unplanned`].
    pub(crate) fn new(graph: &Graph) -> Result<Self, Unplanned> {
        Self::keeping(graph, &[])
    }

    /// The same with more outputs, after those that are needed: the values of these nodes, each in the plan that makes it.
    ///
    /// # Errors
    /// [`Unplanned`].
    pub(crate) fn keeping(graph: &Graph, kept: &[usize]) -> Result<Self, Unplanned> {
        Self::cut(graph, kept, None)
    }

    /// The same with a 3D net that ends early: with the value of this node, which the global pool does not follow.
    ///
    /// # Errors
    /// [`Unplanned`].
    pub(crate) fn until(graph: &Graph, end: usize) -> Result<Self, Unplanned> {
        Self::cut(graph, &[], Some(end))
    }

    fn cut(graph: &Graph, kept: &[usize], end: Option<usize>) -> Result<Self, Unplanned> {
        let node = |index: usize| &graph.nodes[index];
        let head = node(graph.output());
        let (Some(Layer::Linear { .. }), &[joined]) = (head.layer(), &head.inputs[..]) else {
            return Err(unplanned(head));
        };
        let joined = unchanged(graph, joined);
        let parts = match node(joined).operation {
            Operation::Function(Function::Concatenate) => &node(joined).inputs[..],
            _ => &[joined],
        };
        let (mut features, mut volume, mut tail) = (Vec::new(), None, None);
        for &part in parts {
            let pooled = mean(graph, unchanged(graph, part))?;
            if is_transpose(node(pooled)) {
                let frames = unchanged(graph, node(pooled).inputs[0]);
                tail = Some(mean(graph, frames)?);
                features.push(Pooled::Tail);
            } else {
                volume = Some(pooled);
                features.push(Pooled::Volume);
            }
        }
        let volume = end.or(volume).ok_or_else(|| unplanned(head))?;
        let volume = region(graph, vec![volume], is_transpose)?;
        let map = unchanged(graph, node(volume.input).inputs[0]);
        let mut frames = region(graph, vec![map], is_view)?;
        let mut rest = None;
        if let Some(end) = tail {
            let all = region(graph, vec![end], is_view)?;
            let gate = gate(graph, &all, &frames).ok_or_else(|| unplanned(node(end)))?;
            frames = region(graph, vec![map, gate], is_view)?;
            let is_gate = |other: &Node| std::ptr::eq(other, node(gate));
            rest = Some(region(graph, vec![end], is_gate)?);
        }
        Ok(Self {
            frames: frames.keeping(kept).plan(graph, true)?,
            tail: rest
                .map(|rest| rest.keeping(kept).plan(graph, false))
                .transpose()?,
            volume: volume.keeping(kept).plan(graph, false)?,
            features,
            head: head.path.clone(),
        })
    }
}

fn is_view(node: &Node) -> bool {
    matches!(node.operation, Operation::Function(Function::View(_)))
}

fn is_transpose(node: &Node) -> bool {
    matches!(node.operation, Operation::Function(Function::Transpose(..)))
}

/// The value before views and dropouts, which change no number.
fn unchanged(graph: &Graph, mut index: usize) -> usize {
    let is_dropout = |node: &Node| matches!(node.layer(), Some(Layer::Dropout { .. }));
    while is_view(&graph.nodes[index]) || is_dropout(&graph.nodes[index]) {
        index = graph.nodes[index].inputs[0];
    }
    index
}

/// What a pool averages whose one window is all of it.
fn mean(graph: &Graph, index: usize) -> Result<usize, Unplanned> {
    let node = &graph.nodes[index];
    let is_unpadded = match node.layer() {
        Some(Layer::AvgPool3d(_)) => true,
        Some(Layer::AvgPool2d(window)) => window.padding == 0,
        _ => false,
    };
    let is_all = node.shape.iter().skip(2).all(|&extent| extent == 1);
    if is_unpadded && is_all {
        Ok(node.inputs[0])
    } else {
        Err(unplanned(node))
    }
}

/// The nodes that these values are computed by, back to the one bound.
fn region(
    graph: &Graph,
    outputs: Vec<usize>,
    is_bound: impl Fn(&Node) -> bool,
) -> Result<Region, Unplanned> {
    let mut open: BTreeSet<usize> = outputs.iter().copied().collect();
    let (mut bounds, mut nodes) = (Vec::new(), Vec::new());
    while let Some(index) = open.pop_last() {
        let node = &graph.nodes[index];
        if is_bound(node) {
            bounds.push(index);
        } else {
            nodes.push(index);
            open.extend(&node.inputs);
        }
    }
    nodes.reverse();
    match bounds[..] {
        [input] => Ok(Region {
            input,
            nodes,
            outputs,
        }),
        _ => Err(unplanned(&graph.nodes[outputs[0]])),
    }
}

/// The first node of `all` beyond `before` through which everything passes.
fn gate(graph: &Graph, all: &Region, before: &Region) -> Option<usize> {
    let readers = graph.readers();
    let last_reader = |node: &usize| {
        let readers = readers[*node].iter().copied();
        readers.filter(|reader| all.nodes.contains(reader)).max()
    };
    let mut last = last_reader(&all.input);
    for node in &all.nodes {
        if last <= Some(*node) && !before.nodes.contains(node) {
            return Some(*node);
        }
        last = last.max(last_reader(node));
    }
    None
}
