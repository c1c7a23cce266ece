use std::collections::HashMap;

use serde::Serialize;

use crate::network::{Attribute, Module, Setting, Visitor, parameters, walk};
use crate::show::graph::{Call, Graph};

/// One module of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Full name, such as `eco_2d.basic_conv.conv1_7x7_s2`.
    pub name: String,
    /// Class name, such as `Conv2d`.
    #[serde(rename = "type")]
    pub type_name: &'static str,
    /// Levels below the root, from 1.
    pub depth: usize,
    /// Whether it is a layer: a module without children.
    pub is_layer: bool,
    /// Extent of the sliding window.
    pub kernel_size: Option<Setting>,
    /// Step of the sliding window.
    pub stride: Option<Setting>,
    /// Zeros added at the borders.
    pub padding: Option<Setting>,
    /// Shape that goes in; `None` for a module that never runs.
    pub input: Option<Vec<i64>>,
    /// Shape that comes out; `None` for a module that never runs.
    pub output: Option<Vec<i64>>,
    /// How often it runs in one pass.
    pub runs: usize,
    /// Learned numbers, those of its children included.
    pub parameters: i64,
    /// `parameters` as a fraction of the network's.
    pub parameter_share: f64,
    /// Numbers kept beside the parameters: batch-norm statistics and counters.
    pub buffers: i64,
    /// Multiply-accumulates, those of its children included.
    pub macs: i64,
    /// Bytes of its output, of all its runs together.
    pub output_bytes: i64,
    /// Bytes of the parameters.
    pub parameter_bytes: i64,
    /// What its `weight` is like, where weights were given and it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<WeightStatistics>,
    /// NaN and infinite values in its tensors and those of its children, where weights were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_finite: Option<usize>,
}

/// What the values of a layer's `weight` are like.
#[derive(Debug, Clone, Serialize)]
pub struct WeightStatistics {
    /// Element type in the file, in safetensors' words.
    pub dtype: String,
    /// Mean of the finite values.
    pub mean: Option<f64>,
    /// Standard deviation of the finite values.
    pub std: Option<f64>,
}

/// A row per module below `root`, in definition order.
pub fn rows(root: &dyn Module, graph: &Graph) -> Vec<Row> {
    let mut calls: HashMap<&str, Vec<&Call>> = HashMap::new();
    for call in &graph.calls {
        calls.entry(&call.path).or_default().push(call);
    }
    let mut collect = Collect {
        graph,
        calls,
        rows: Vec::new(),
        open: Vec::new(),
    };
    walk(root, &mut collect);
    let mut rows = collect.rows;
    let total = rows[0].parameters;
    for row in &mut rows {
        row.parameter_share = row.parameters as f64 / total.max(1) as f64;
    }
    rows.remove(0);
    rows
}

struct Collect<'a> {
    graph: &'a Graph,
    calls: HashMap<&'a str, Vec<&'a Call>>,
    rows: Vec<Row>,
    /// Rows of the modules whose children are being visited.
    open: Vec<usize>,
}

impl Collect<'_> {
    /// The row of one module, nothing of its children in it.
    fn own(&self, path: &str, module: &dyn Module) -> Row {
        let attributes = module.attributes();
        let setting = |name| find(&attributes, name);
        let calls = self.calls.get(path).map_or(&[][..], Vec::as_slice);
        let nodes = &self.graph.nodes;
        let outputs = calls.iter().map(|call| &nodes[call.output]);
        let entries = module.entries();
        let elements: i64 = entries.iter().map(|e| e.tensor.numel() as i64).sum();
        let bytes = entries
            .first()
            .map_or(0, |e| e.tensor.kind().elt_size_in_bytes());
        let parameters = parameters(entries);
        Row {
            name: path.to_owned(),
            type_name: module.type_name(),
            depth: self.open.len(),
            is_layer: module.children().is_empty(),
            kernel_size: setting("kernel_size"),
            stride: setting("stride"),
            padding: setting("padding"),
            input: calls.first().map(|call| nodes[call.input].shape.clone()),
            output: outputs.clone().next().map(|node| node.shape.clone()),
            runs: calls.len(),
            parameters,
            parameter_share: 0.0,
            buffers: elements - parameters,
            macs: outputs.clone().map(|node| module.macs(&node.shape)).sum(),
            output_bytes: outputs.map(|node| node.bytes()).sum(),
            parameter_bytes: parameters * bytes as i64,
            weight: None,
            non_finite: None,
        }
    }
}

fn find(attributes: &[Attribute], name: &str) -> Option<Setting> {
    let attribute = attributes.iter().find(|attribute| attribute.name == name);
    attribute.map(|attribute| attribute.value.clone())
}

impl Visitor for Collect<'_> {
    fn enter(&mut self, path: &str, _: &str, module: &dyn Module) {
        let row = self.own(path, module);
        self.open.push(self.rows.len());
        self.rows.push(row);
    }

    fn leave(&mut self, _: &str, _: &str, _: &dyn Module) {
        let Some(done) = self.open.pop() else { return };
        let Some(&parent) = self.open.last() else {
            return;
        };
        let Row {
            parameters,
            buffers,
            macs,
            parameter_bytes,
            ..
        } = self.rows[done];
        let parent = &mut self.rows[parent];
        parent.parameters += parameters;
        parent.buffers += buffers;
        parent.macs += macs;
        parent.parameter_bytes += parameter_bytes;
    }
}
