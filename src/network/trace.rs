//! The network as a graph of operators, traced by a forward pass of shapes.

use super::attribute::Attribute;
use super::error::{Error, Result};
use super::forward::{Backend, run};
use super::layer::{Layer, LayerTensor};
use super::module::{Function, Module};

/// A forward pass: what ran, on what, and what came out.
///
/// Node `i` made value `i`; node 0 is the input.
#[derive(Debug)]
pub struct Graph {
    /// The input, then every operator in the order in which they ran.
    pub nodes: Vec<Node>,
    /// Every run of a module, in the order in which they began; the root comes first.
    pub calls: Vec<Call>,
}

/// What a node stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// The input.
    Input,
    /// The work of a layer.
    Layer(Layer),
    /// An operator that belongs to no layer.
    Function(Function),
}

/// The input or one operator.
#[derive(Debug)]
pub struct Node {
    /// What it is.
    pub operation: Operation,
    /// Full name of the module it ran in; empty at the root.
    pub path: String,
    /// Nodes whose values went in.
    pub inputs: Vec<usize>,
    /// Shape of the value that came out.
    pub shape: Vec<usize>,
}

/// One run of a module.
#[derive(Debug)]
pub struct Call {
    /// Full name; empty for the root.
    pub path: String,
    /// The class name, such as `ECO_2D`.
    pub type_name: &'static str,
    /// Whether it has no children.
    pub is_layer: bool,
    /// Nodes whose values went in.
    pub inputs: Vec<usize>,
    /// Nodes whose values came out.
    pub outputs: Vec<usize>,
}

impl Graph {
    /// Operator name of the node that stands for the input.
    pub const INPUT: &'static str = "input";

    /// Traces `root` on an input of shape `input`, whose first axis is the batch. Nothing is computed but shapes.
    ///
    /// # Errors
    /// A shape that does not fit.
    pub fn trace(root: &Module, input: &[usize]) -> Result<Self> {
        let mut tracer = Tracer {
            graph: Graph {
                nodes: Vec::new(),
                calls: Vec::new(),
            },
            open: Vec::new(),
        };
        let input = tracer.push(Operation::Input, "", &[], input.to_vec());
        run(&mut tracer, "", root, vec![input])?;
        Ok(tracer.graph)
    }

    /// The node whose value is the network's output.
    pub fn output(&self) -> usize {
        self.calls.first().map_or(0, |root| root.outputs[0])
    }

    /// The nodes that read the value of each node.
    pub fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.nodes.len()];
        for (reader, node) in self.nodes.iter().enumerate() {
            for &input in &node.inputs {
                readers[input].push(reader);
            }
        }
        readers
    }

    /// The modules that have children, each once, the root left out, parents before children.
    pub fn blocks(&self) -> Vec<&Call> {
        let mut blocks: Vec<&Call> = Vec::new();
        for call in &self.calls {
            let is_new = blocks.iter().all(|block| block.path != call.path);
            if !call.is_layer && !call.path.is_empty() && is_new {
                blocks.push(call);
            }
        }
        blocks
    }
}

impl Node {
    /// libtorch's name, such as `aten::_convolution`; [`Graph::INPUT`] for the input.
    pub fn op(&self) -> &'static str {
        match &self.operation {
            Operation::Input => Graph::INPUT,
            Operation::Layer(layer) => layer.operator(),
            Operation::Function(function) => function.operator(),
        }
    }

    /// The operator without its namespace: `convolution` for `aten::_convolution`.
    pub fn short_op(&self) -> &'static str {
        let op = self.op();
        op.rsplit("::").next().unwrap_or(op).trim_matches('_')
    }

    /// The layer whose work this is.
    pub fn layer(&self) -> Option<&Layer> {
        match &self.operation {
            Operation::Layer(layer) => Some(layer),
            _ => None,
        }
    }

    /// Hyper-parameters of the layer, or arguments of an operator without one.
    pub fn attributes(&self) -> Vec<Attribute> {
        match &self.operation {
            Operation::Input => Vec::new(),
            Operation::Layer(layer) => layer.attributes(),
            Operation::Function(function) => function.attributes(),
        }
    }

    /// The tensors of the layer.
    pub fn tensors(&self) -> Vec<LayerTensor> {
        self.layer().map_or(Vec::new(), Layer::tensors)
    }

    /// Last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    /// Full name of the block it belongs to: the parent of its layer, or the module that runs a bare operator.
    pub fn block(&self) -> &str {
        match (self.layer(), self.path.rsplit_once('.')) {
            (None, _) => &self.path,
            (Some(_), Some((block, _))) => block,
            (Some(_), None) => "",
        }
    }

    /// Size of the output in bytes, in float32.
    pub fn bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * size_of::<f32>()
    }

    /// Multiply-accumulates; operators without a layer have none.
    pub fn macs(&self) -> usize {
        self.layer().map_or(0, |layer| layer.macs(&self.shape))
    }
}

/// Writes a [`Graph`] while shapes flow through a network. A value is the number of its node.
struct Tracer {
    graph: Graph,
    /// Calls that have begun and not ended, as indices.
    open: Vec<usize>,
}

impl Tracer {
    fn push(
        &mut self,
        operation: Operation,
        path: &str,
        inputs: &[usize],
        shape: Vec<usize>,
    ) -> usize {
        self.graph.nodes.push(Node {
            operation,
            path: path.to_owned(),
            inputs: inputs.to_vec(),
            shape,
        });
        self.graph.nodes.len() - 1
    }
}

impl Backend for Tracer {
    type Value = usize;
    type Error = Error;

    fn layer(&mut self, path: &str, layer: &Layer, input: &usize) -> Result<usize> {
        let shape = layer.output_shape(&self.graph.nodes[*input].shape)?;
        Ok(self.push(Operation::Layer(layer.clone()), path, &[*input], shape))
    }

    fn function(&mut self, path: &str, function: &Function, inputs: &[usize]) -> Result<usize> {
        let shapes = inputs
            .iter()
            .map(|&input| &self.graph.nodes[input].shape[..]);
        let shape = function.output_shape(&shapes.collect::<Vec<_>>())?;
        Ok(self.push(Operation::Function(function.clone()), path, inputs, shape))
    }

    fn enter(&mut self, path: &str, module: &Module, inputs: &[usize]) {
        self.open.push(self.graph.calls.len());
        self.graph.calls.push(Call {
            path: path.to_owned(),
            type_name: module.type_name(),
            is_layer: module.layer().is_some(),
            inputs: inputs.to_vec(),
            outputs: Vec::new(),
        });
    }

    fn leave(&mut self, _: &str, _: &Module, outputs: &[usize]) -> Result<()> {
        if let Some(call) = self.open.pop() {
            self.graph.calls[call].outputs = outputs.to_vec();
        }
        Ok(())
    }
}
