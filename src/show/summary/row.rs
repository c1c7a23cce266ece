use std::collections::HashMap;

use serde::Serialize;

use crate::network::{Attribute, Call, Graph, Layer, Module, Node, Setting};

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
    /// Shape that goes in, the first of several; `None` for a module that never runs.
    pub input: Option<Vec<usize>>,
    /// Shapes that go in after the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_inputs: Vec<Vec<usize>>,
    /// Shape that comes out, the first of several; `None` for a module that never runs.
    pub output: Option<Vec<usize>>,
    /// Shapes that come out after the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_outputs: Vec<Vec<usize>>,
    /// How often it runs in one pass.
    pub runs: usize,
    /// Learned numbers, those of its children included.
    pub parameters: usize,
    /// `parameters` as a fraction of the network's.
    pub parameter_share: f64,
    /// Numbers kept beside the parameters: batch-norm statistics and counters.
    pub buffers: usize,
    /// Multiply-accumulates, those of its children included.
    pub macs: usize,
    /// Bytes of its outputs, of all its runs together.
    pub output_bytes: usize,
    /// Bytes of the parameters.
    pub parameter_bytes: usize,
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
pub(super) fn rows(root: &Module, graph: &Graph) -> Vec<Row> {
    let mut calls: HashMap<&str, Vec<&Call>> = HashMap::new();
    for call in &graph.calls {
        calls.entry(&call.path).or_default().push(call);
    }
    let mut rows = Vec::new();
    root.walk(&mut |path, depth, module| {
        let calls = calls.get(path).map_or(&[][..], Vec::as_slice);
        rows.push(own(path, depth, module, calls, graph));
    });
    // From the last one up, each gives its sums to its parent: the nearest row before it that lies one level higher.
    for done in (1..rows.len()).rev() {
        let Row {
            depth,
            parameters,
            buffers,
            macs,
            parameter_bytes,
            ..
        } = rows[done];
        if let Some(parent) = rows[..done].iter_mut().rfind(|row| row.depth + 1 == depth) {
            parent.parameters += parameters;
            parent.buffers += buffers;
            parent.macs += macs;
            parent.parameter_bytes += parameter_bytes;
        }
    }
    let total = rows[0].parameters.max(1) as f64;
    for row in &mut rows {
        row.parameter_share = row.parameters as f64 / total;
    }
    rows.remove(0);
    rows
}

/// The row of one module, nothing of its children in it.
fn own(path: &str, depth: usize, module: &Module, calls: &[&Call], graph: &Graph) -> Row {
    let attributes = module.layer().map_or(Vec::new(), Layer::attributes);
    let setting = |name| find(&attributes, name);
    let nodes = &graph.nodes;
    let outputs = calls.iter().flat_map(|call| &call.outputs);
    let outputs = outputs.map(|&output| &nodes[output]);
    let shapes = |values: fn(&Call) -> &[usize]| -> Vec<Vec<usize>> {
        let values = calls.first().map_or(&[][..], |call| values(call));
        values
            .iter()
            .map(|&value| nodes[value].shape.clone())
            .collect()
    };
    let mut inputs = shapes(|call| &call.inputs).into_iter();
    let mut output_shapes = shapes(|call| &call.outputs).into_iter();
    let tensors = module.layer().map_or(Vec::new(), Layer::tensors);
    let elements: usize = tensors
        .iter()
        .map(|tensor| tensor.shape.iter().product::<usize>())
        .sum();
    let parameters = module.layer().map_or(0, Layer::parameters);
    let macs = |node: &Node| module.layer().map_or(0, |layer| layer.macs(&node.shape));
    Row {
        name: path.to_owned(),
        type_name: module.type_name(),
        depth,
        is_layer: module.layer().is_some(),
        kernel_size: setting("kernel_size"),
        stride: setting("stride"),
        padding: setting("padding"),
        input: inputs.next(),
        other_inputs: inputs.collect(),
        output: output_shapes.next(),
        other_outputs: output_shapes.collect(),
        runs: calls.len(),
        parameters,
        parameter_share: 0.0,
        buffers: elements - parameters,
        macs: outputs.clone().map(macs).sum(),
        output_bytes: outputs.map(Node::bytes).sum(),
        parameter_bytes: parameters * size_of::<f32>(),
        weight: None,
        non_finite: None,
    }
}

fn find(attributes: &[Attribute], name: &str) -> Option<Setting> {
    let attribute = attributes.iter().find(|attribute| attribute.name == name);
    attribute.map(|attribute| attribute.value.clone())
}
