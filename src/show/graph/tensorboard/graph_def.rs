use std::collections::{BTreeMap, HashMap};

use super::proto::{Attr, AttrValue, Dim, GraphDef, ListValue, NodeDef, TensorShape, VersionDef};
use crate::network::{Graph, Node};
use crate::network::{Role, Setting};

/// The version that PyTorch's writer states, too.
const PRODUCER: i32 = 22;

/// The graph in TensorBoard's form: the dots of module names become scopes, so that a double click opens a block, and a
/// layer shows its tensors and its operator.
pub(super) fn graph_def(graph: &Graph) -> GraphDef {
    let names = names(graph);
    let mut nodes = Vec::new();
    for (node, name) in graph.nodes.iter().zip(&names) {
        let parameters = parameters(node);
        let mut input: Vec<String> = node.inputs.iter().map(|&i| names[i].clone()).collect();
        input.extend(parameters.iter().map(|parameter| parameter.name.clone()));
        nodes.extend(parameters);
        nodes.push(NodeDef {
            name: name.clone(),
            op: node.op().to_owned(),
            input,
            attr: attributes(node),
        });
    }
    nodes.push(NodeDef {
        name: "output".to_owned(),
        op: "output".to_owned(),
        input: vec![names[graph.output()].clone()],
        attr: output_shape(&graph.nodes[graph.output()].shape),
    });
    GraphDef {
        node: nodes,
        versions: Some(VersionDef { producer: PRODUCER }),
    }
}

/// Module and operator, numbered from the second on where a module runs an operator more than once.
fn names(graph: &Graph) -> Vec<String> {
    let mut runs: HashMap<String, usize> = HashMap::new();
    let name = |node: &Node| {
        let name = in_scope(&node.path, node.short_op());
        let run = runs.entry(name.clone()).or_default();
        *run += 1;
        if *run == 1 {
            name
        } else {
            format!("{name}_{}", *run - 1)
        }
    };
    graph.nodes.iter().map(name).collect()
}

/// `name` in the scope of the module `path`.
fn in_scope(path: &str, name: &str) -> String {
    if path.is_empty() {
        return name.to_owned();
    }
    format!("{}/{name}", path.replace('.', "/"))
}

/// A node for each tensor of the layer.
fn parameters(node: &Node) -> Vec<NodeDef> {
    let tensors = node.tensors().into_iter();
    tensors
        .map(|tensor| NodeDef {
            name: in_scope(&node.path, tensor.name),
            op: match tensor.role {
                Role::Parameter => "parameter".to_owned(),
                Role::Buffer => "buffer".to_owned(),
            },
            input: Vec::new(),
            attr: output_shape(&tensor.shape),
        })
        .collect()
}

fn attributes(node: &Node) -> BTreeMap<String, AttrValue> {
    let mut attributes = output_shape(&node.shape);
    let mut put = |name: &str, value| {
        attributes.insert(name.to_owned(), AttrValue { value: Some(value) });
    };
    for attribute in node.attributes() {
        put(attribute.name, value(&attribute.value));
    }
    if let Some(layer) = node.layer() {
        put("module", Attr::Text(layer.type_name().as_bytes().to_vec()));
        if node.macs() > 0 {
            put("multiply_adds", Attr::Int(node.macs() as i64));
        }
    }
    attributes
}

fn value(setting: &Setting) -> Attr {
    match setting {
        Setting::Int(value) => Attr::Int(*value),
        Setting::Tuple(values) => Attr::List(ListValue {
            i: values.clone(),
            shape: Vec::new(),
        }),
        Setting::Float(value) => Attr::Float(*value as f32),
        Setting::Bool(value) => Attr::Bool(*value),
    }
}

/// The attribute from which TensorBoard labels edges.
fn output_shape(shape: &[usize]) -> BTreeMap<String, AttrValue> {
    let dim = shape
        .iter()
        .map(|&size| Dim { size: size as i64 })
        .collect();
    let list = ListValue {
        i: Vec::new(),
        shape: vec![TensorShape { dim }],
    };
    let value = Some(Attr::List(list));
    BTreeMap::from([("_output_shapes".to_owned(), AttrValue { value })])
}
