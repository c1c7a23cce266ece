use tch::{Kind, Tensor};

use crate::network::{Attribute, Flow, Module, Observer, Op, Result, Role, Value};

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

/// The input or one operator.
#[derive(Debug)]
pub struct Node {
    /// libtorch's name, such as `aten::_convolution`; [`Graph::INPUT`] for the input.
    pub op: &'static str,
    /// Full name of the module it ran in; empty at the root.
    pub path: String,
    /// Nodes whose values went in.
    pub inputs: Vec<usize>,
    /// Shape of the value that came out.
    pub shape: Vec<i64>,
    /// Type of its elements.
    pub kind: Kind,
    /// Hyper-parameters of the layer, or arguments of an operator without one.
    pub attributes: Vec<Attribute>,
    /// The layer whose work this is.
    pub layer: Option<Layer>,
}

/// A module without children.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The class name, such as `Conv2d`.
    pub type_name: &'static str,
    /// What it owns.
    pub tensors: Vec<LayerTensor>,
    /// Multiply-accumulates of this run (see [`Module::macs`]).
    pub macs: i64,
}

/// A parameter or buffer of a layer.
#[derive(Debug, Clone)]
pub struct LayerTensor {
    /// Name within the layer, such as `weight`.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<i64>,
    /// Parameter or buffer.
    pub role: Role,
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
    /// Node whose value went in.
    pub input: usize,
    /// Node whose value came out.
    pub output: usize,
}

impl Graph {
    /// Operator name of the node that stands for the input.
    pub const INPUT: &'static str = "input";

    /// Traces `root` on an input of shape `input`, whose first axis is the batch.
    ///
    /// The modules run on a batch of no clips: libtorch checks and computes every shape and there is nothing to
    /// calculate, so that it takes milliseconds and touches no weights. The true length of the first axis is carried
    /// along beside it.
    ///
    /// # Errors
    /// What the modules report, such as a shape that does not fit.
    pub fn trace(root: &dyn Module, input: &[i64]) -> Result<Self> {
        let _no_grad = tch::no_grad_guard();
        let mut shape = input.to_vec();
        let batch = std::mem::take(&mut shape[0]);
        let clips = Tensor::f_empty(&shape, (Kind::Float, tch::Device::Cpu))?;
        let mut tracer = Tracer::new(batch, &clips);
        let mut flow = Flow::observed(&mut tracer);
        let clips = flow.input(clips);
        flow.run(root, &clips)?;
        Ok(tracer.graph)
    }

    /// The node whose value is the network's output.
    pub fn output(&self) -> usize {
        self.calls.first().map_or(0, |root| root.output)
    }

    /// How many operators read the value of each node.
    pub fn readers(&self) -> Vec<usize> {
        let mut readers = vec![0; self.nodes.len()];
        for &input in self.nodes.iter().flat_map(|node| &node.inputs) {
            readers[input] += 1;
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
    /// Last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    /// Full name of the block it belongs to: the parent of its layer, or the module that runs a bare operator.
    pub fn block(&self) -> &str {
        match (&self.layer, self.path.rsplit_once('.')) {
            (None, _) => &self.path,
            (Some(_), Some((block, _))) => block,
            (Some(_), None) => "",
        }
    }

    /// The operator without its namespace: `convolution` for `aten::_convolution`.
    pub fn short_op(&self) -> &str {
        let op = self.op.rsplit("::").next().unwrap_or(self.op);
        op.trim_matches('_')
    }

    /// Size of the output in bytes.
    pub fn bytes(&self) -> i64 {
        self.shape.iter().product::<i64>() * self.kind.elt_size_in_bytes() as i64
    }

    /// Multiply-accumulates; operators without a layer have none.
    pub fn macs(&self) -> i64 {
        self.layer.as_ref().map_or(0, |layer| layer.macs)
    }
}

/// Writes a [`Graph`] while a network runs on an empty batch.
struct Tracer {
    graph: Graph,
    /// Calls that have begun and not ended, as indices.
    open: Vec<usize>,
    /// The layer that is running.
    layer: Option<(Layer, Vec<Attribute>)>,
}

impl Tracer {
    fn new(batch: i64, clips: &Tensor) -> Self {
        let mut shape = clips.size();
        shape[0] = batch;
        let input = Node {
            op: Graph::INPUT,
            path: String::new(),
            inputs: Vec::new(),
            shape,
            kind: clips.kind(),
            attributes: Vec::new(),
            layer: None,
        };
        Self {
            graph: Graph {
                nodes: vec![input],
                calls: Vec::new(),
            },
            open: Vec::new(),
            layer: None,
        }
    }

    /// The shape of an operator's output, its first axis as if the batch were not empty.
    ///
    /// Operators keep the length of the first axis; a view may trade it with the others and keeps the product.
    fn full_shape(&self, op: &Op<'_>) -> Vec<i64> {
        let source = &self.graph.nodes[op.inputs[0].id()].shape;
        let mut shape = op.output.size();
        shape[0] = if op.name == "aten::view" {
            source.iter().product::<i64>() / shape[1..].iter().product::<i64>()
        } else {
            source[0]
        };
        shape
    }
}

impl Observer for Tracer {
    fn enter(&mut self, path: &str, module: &dyn Module, input: &Value) {
        let is_layer = module.children().is_empty();
        if is_layer {
            let tensors = module.entries().into_iter().map(|entry| LayerTensor {
                name: entry.name,
                shape: entry.tensor.size(),
                role: entry.role,
            });
            let layer = Layer {
                type_name: module.type_name(),
                tensors: tensors.collect(),
                macs: 0,
            };
            self.layer = Some((layer, module.attributes()));
        }
        self.open.push(self.graph.calls.len());
        self.graph.calls.push(Call {
            path: path.to_owned(),
            type_name: module.type_name(),
            is_layer,
            input: input.id(),
            output: input.id(),
        });
    }

    fn op(&mut self, op: &Op<'_>) {
        debug_assert_eq!(op.output.id(), self.graph.nodes.len());
        let (layer, attributes) = match &self.layer {
            Some((layer, attributes)) => (Some(layer.clone()), attributes.clone()),
            None => (None, op.attributes.to_vec()),
        };
        self.graph.nodes.push(Node {
            op: op.name,
            path: op.path.to_owned(),
            inputs: op.inputs.iter().map(|value| value.id()).collect(),
            shape: self.full_shape(op),
            kind: op.output.tensor().kind(),
            attributes,
            layer,
        });
    }

    fn leave(&mut self, _: &str, module: &dyn Module, output: &Value) {
        self.layer = None;
        let node = &mut self.graph.nodes[output.id()];
        if let Some(layer) = &mut node.layer
            && module.children().is_empty()
        {
            layer.macs = module.macs(&node.shape);
        }
        if let Some(call) = self.open.pop() {
            self.graph.calls[call].output = output.id();
        }
    }
}
