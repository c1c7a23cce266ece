//! From the traced graph to boxes, edges and frames.

use std::collections::HashMap;

use super::parts::{Drawing, Edge, Flow, Group, Part, Unit};
use super::words::{cost, details, dimensions, find, work};
use crate::network::Layer;
use crate::show::graph::{Graph, Node};

/// The drawing of `graph`, blocks deeper than `depth` levels folded into one box.
pub(crate) fn drawing(graph: &Graph, depth: Option<usize>) -> Drawing {
    let mut builder = Builder::new(graph, depth);
    for index in 0..graph.nodes.len() {
        builder.add(index);
    }
    builder.add_output();
    builder.finish()
}

/// Draws a graph node by node.
struct Builder<'a> {
    graph: &'a Graph,
    depth: Option<usize>,
    /// How many operators read each node's value.
    readers: Vec<Vec<usize>>,
    /// The box of each node seen so far.
    unit_of: Vec<usize>,
    /// Box of each folded block.
    folded: HashMap<String, usize>,
    drawing: Drawing,
}

impl<'a> Builder<'a> {
    /// Begins with the frames of all blocks.
    fn new(graph: &'a Graph, depth: Option<usize>) -> Self {
        let total = sum(&graph.nodes);
        let drawing = Drawing {
            title: graph
                .calls
                .first()
                .map_or("", |root| root.type_name)
                .to_owned(),
            subtitle: format!(
                "input {}, {}",
                dimensions(&graph.nodes[0].shape),
                cost(total.0, total.1)
            ),
            units: Vec::new(),
            edges: Vec::new(),
            groups: Vec::new(),
        };
        let mut builder = Self {
            graph,
            depth,
            readers: graph.readers(),
            unit_of: Vec::new(),
            folded: HashMap::new(),
            drawing,
        };
        builder.add_groups();
        builder
    }

    fn add_groups(&mut self) {
        for block in self.graph.blocks() {
            let level = block.path.split('.').count();
            if self.depth.is_some_and(|depth| level >= depth) {
                continue;
            }
            let prefix = format!("{}.", block.path);
            let inside = self
                .graph
                .nodes
                .iter()
                .filter(|node| node.path.starts_with(&prefix));
            let (macs, parameters) = sum(inside);
            let (above, name) = block.path.rsplit_once('.').unwrap_or(("", &block.path));
            let parent = self.group(above);
            self.drawing.groups.push(Group {
                path: block.path.clone(),
                name: name.to_owned(),
                type_name: block.type_name,
                parent,
                depth: level - 1,
                cost: cost(macs, parameters),
            });
        }
    }

    fn group(&self, path: &str) -> Option<usize> {
        self.drawing
            .groups
            .iter()
            .position(|group| group.path == path)
    }

    /// Finds or makes the box of a node, and draws the edges into it.
    fn add(&mut self, index: usize) {
        let node = &self.graph.nodes[index];
        let unit = match (self.folded_into(node), self.extends(node)) {
            (Some(block), _) => self.add_to_block(&block, node),
            (None, Some(unit)) => {
                self.extend(unit, node);
                unit
            }
            (None, None) => self.push(node),
        };
        self.unit_of.push(unit);
        for (operand, &input) in node.inputs.iter().enumerate() {
            let from = self.unit_of[input];
            let is_sum = node.short_op() == "add";
            let flow = if is_sum && operand == 1 {
                Flow::Shortcut
            } else {
                Flow::Main
            };
            self.connect(from, unit, flow);
        }
    }

    fn connect(&mut self, from: usize, to: usize, flow: Flow) {
        let edges = &mut self.drawing.edges;
        if from != to && edges.iter().all(|edge| (edge.from, edge.to) != (from, to)) {
            edges.push(Edge { from, to, flow });
        }
    }

    /// The folded block that contains a node.
    fn folded_into(&self, node: &Node) -> Option<String> {
        let depth = self.depth?;
        let parts: Vec<&str> = node
            .block()
            .split('.')
            .filter(|part| !part.is_empty())
            .collect();
        (parts.len() >= depth).then(|| parts[..depth].join("."))
    }

    /// The box that a node joins instead of getting its own: the node works element by element, in the same block, and is the
    /// only reader of that box's value.
    fn extends(&self, node: &Node) -> Option<usize> {
        let &[input] = &node.inputs[..] else {
            return None;
        };
        let source = &self.graph.nodes[input];
        let is_alone = self.readers[input].len() == 1 && source.block() == node.block();
        let continues = part(node, source) == Part::Pointwise && source.layer().is_some();
        (is_alone && continues).then(|| self.unit_of[input])
    }

    fn extend(&mut self, unit: usize, node: &Node) {
        let (macs, parameters) = sum([node]);
        let unit = &mut self.drawing.units[unit];
        unit.work += &format!(" + {}", work(node));
        unit.macs += macs;
        unit.parameters += parameters;
        unit.details.push(details(node));
    }

    fn push(&mut self, node: &Node) -> usize {
        let source = node
            .inputs
            .first()
            .map_or(node, |&input| &self.graph.nodes[input]);
        let (macs, parameters) = sum([node]);
        let title = match node.layer() {
            Some(_) => node.name(),
            None => node.short_op(),
        };
        self.drawing.units.push(Unit {
            name: node.path.clone(),
            title: title.to_owned(),
            work: work(node),
            part: part(node, source),
            group: self.group(node.block()),
            shape: node.shape.clone(),
            macs,
            parameters,
            details: vec![details(node)],
        });
        self.drawing.units.len() - 1
    }

    fn add_to_block(&mut self, block: &str, node: &Node) -> usize {
        let (macs, parameters) = sum([node]);
        let unit = match self.folded.get(block) {
            Some(&unit) => unit,
            None => self.push_block(block),
        };
        let drawn = &mut self.drawing.units[unit];
        drawn.shape.clone_from(&node.shape);
        drawn.macs += macs;
        drawn.parameters += parameters;
        drawn.details.push(details(node));
        unit
    }

    fn push_block(&mut self, block: &str) -> usize {
        let call = self.graph.calls.iter().find(|call| call.path == block);
        let (above, title) = block.rsplit_once('.').unwrap_or(("", block));
        self.drawing.units.push(Unit {
            name: block.to_owned(),
            title: title.to_owned(),
            work: call.map_or("", |call| call.type_name).to_owned(),
            part: Part::Block,
            group: self.group(above),
            shape: Vec::new(),
            macs: 0,
            parameters: 0,
            details: Vec::new(),
        });
        let unit = self.drawing.units.len() - 1;
        self.folded.insert(block.to_owned(), unit);
        unit
    }

    /// Adds the output.
    fn add_output(&mut self) {
        let source = self.graph.output();
        self.drawing.units.push(Unit {
            name: String::new(),
            title: "output".to_owned(),
            work: String::new(),
            part: Part::Terminal,
            group: None,
            shape: self.graph.nodes[source].shape.clone(),
            macs: 0,
            parameters: 0,
            details: Vec::new(),
        });
        self.connect(
            self.unit_of[source],
            self.drawing.units.len() - 1,
            Flow::Main,
        );
    }

    /// Marks boxes that feed only a shortcut as part of it, such as the convolution that resizes the shortcut's value.
    fn finish(mut self) -> Drawing {
        for unit in (0..self.drawing.units.len()).rev() {
            let edges = &mut self.drawing.edges;
            let mut leaving = edges.iter().filter(|edge| edge.from == unit).peekable();
            if leaving.peek().is_some() && leaving.all(|edge| edge.flow == Flow::Shortcut) {
                for edge in edges.iter_mut().filter(|edge| edge.to == unit) {
                    edge.flow = Flow::Shortcut;
                }
            }
        }
        self.drawing
    }
}

/// Multiply-accumulates and parameters of some nodes.
fn sum<'n>(nodes: impl IntoIterator<Item = &'n Node>) -> (usize, usize) {
    let cost = |node: &Node| {
        let parameters = node.layer().map_or(0, Layer::parameters);
        (node.macs(), parameters)
    };
    let add = |a: (usize, usize), b: (usize, usize)| (a.0 + b.0, a.1 + b.1);
    nodes.into_iter().map(cost).fold((0, 0), add)
}

fn part(node: &Node, source: &Node) -> Part {
    let has_window = find(node, "kernel_size").is_some();
    match node.layer() {
        None if node.op() == Graph::INPUT => Part::Terminal,
        None if node.inputs.len() > 1 => Part::Join,
        None => Part::Reshape,
        Some(layer) if has_window && layer.tensors().is_empty() => Part::Pool,
        Some(_) if has_window => Part::Convolution,
        Some(_) if node.shape == source.shape => Part::Pointwise,
        Some(_) => Part::Dense,
    }
}
