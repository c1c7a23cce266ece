//! `eco graph`: what TensorBoard reads from it, and the drawings.

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::{made_once, script};
use serde::Deserialize;

/// A node as TensorBoard reads it (`scripts/describe.py events`).
#[derive(Debug, Default, Deserialize)]
struct Node {
    name: String,
    op: String,
    inputs: Vec<String>,
    shape: Vec<i64>,
}

/// What of a node both writers agree on, under a name that both can give: `eco_2d.inception_a cat 0` is the first `cat`
/// that ran in `eco_2d.inception_a`.
#[derive(Debug, PartialEq, Eq)]
struct Operator {
    shape: Vec<i64>,
    inputs: BTreeSet<String>,
}

/// Operators that compute something. The others only pass values on, under names of each writer's own.
const OPERATORS: [&str; 9] = [
    "convolution",
    "batch_norm",
    "relu",
    "max_pool2d",
    "avg_pool2d",
    "avg_pool3d",
    "cat",
    "add",
    "linear",
];
const PASSING_ON: [&str; 7] = [
    "aten::view",
    "aten::flatten",
    "aten::unflatten",
    "aten::transpose",
    "aten::dropout",
    "prim::ListConstruct",
    "output",
];

fn operator(node: &Node) -> Option<&str> {
    let op = node.op.strip_prefix("aten::")?.trim_matches('_');
    OPERATORS.contains(&op).then_some(op)
}

/// The module an operator ran in: `ECO_Lite/ECO_2D[eco_2d]/.../Conv2d[conv1_7x7_s2]/input.3` by PyTorch and
/// `eco_2d/.../conv1_7x7_s2/convolution` by us are both in `eco_2d. ... .conv1_7x7_s2`.
fn module(name: &str) -> String {
    let (scope, _) = name.rsplit_once('/').unwrap_or_default();
    let mut roots = ["ECO_Lite", "ECO_Full"].iter();
    let inside = roots.find_map(|root| scope.strip_prefix(root));
    let scope = inside.map_or(scope, |scope| scope.trim_start_matches('/'));
    let part = |part: &str| match part.split_once('[') {
        Some((_, name)) => name.trim_end_matches(']').to_owned(),
        None => part.to_owned(),
    };
    scope.split('/').map(part).collect::<Vec<_>>().join(".")
}

/// All operators with their keys, and the keys of what feeds them.
fn operators(nodes: &[Node]) -> BTreeMap<String, Operator> {
    let by_name: HashMap<&str, &Node> = nodes.iter().map(|node| (&node.name[..], node)).collect();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut keys: HashMap<&str, String> = HashMap::new();
    for node in nodes {
        let Some(op) = operator(node) else { continue };
        let key = format!("{} {op}", module(&node.name));
        let count = seen.entry(key.clone()).or_default();
        keys.insert(&node.name, format!("{key} {count}"));
        *count += 1;
    }
    let mut found = BTreeMap::new();
    for node in nodes {
        if let Some(key) = keys.get(&node.name[..]) {
            let mut inputs = BTreeSet::new();
            sources(node, &by_name, &keys, &mut inputs);
            let shape = node.shape.clone();
            found.insert(key.clone(), Operator { shape, inputs });
        }
    }
    found
}

/// The keys of the operators whose values reach `node`, and `input`.
fn sources(
    node: &Node,
    by_name: &HashMap<&str, &Node>,
    keys: &HashMap<&str, String>,
    found: &mut BTreeSet<String>,
) {
    for input in &node.inputs {
        // PyTorch's writer names inputs that it wrote under another scope; only constants and lists are among them.
        let Some(source) = by_name.get(&input[..]) else {
            continue;
        };
        if let Some(key) = keys.get(&input[..]) {
            found.insert(key.clone());
        } else if source.op == "input" || source.op == "IO Node" {
            found.insert("input".to_owned());
        } else if source.op == UNPACK {
            let element = Node {
                inputs: vec![unpacked(source, by_name)],
                ..Node::default()
            };
            sources(&element, by_name, keys, found);
        } else if PASSING_ON.contains(&&source.op[..]) {
            sources(source, by_name, keys, found);
        }
    }
}

/// What PyTorch calls the operator that takes a value out of a tuple. There is one for each value, in order.
const UNPACK: &str = "prim::TupleUnpack";

/// The node whose value `unpack` takes out of its tuple.
fn unpacked(unpack: &Node, by_name: &HashMap<&str, &Node>) -> String {
    let is_earlier = |other: &&&Node| {
        other.op == UNPACK && other.inputs == unpack.inputs && other.name < unpack.name
    };
    let place = by_name.values().filter(is_earlier).count();
    by_name[&unpack.inputs[0][..]].inputs[place].clone()
}

fn eco<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_eco"))
        .arg("graph")
        .args(args)
        .output()
        .unwrap()
}

fn written_by_eco(arch: &str, segments: &str) -> Vec<Node> {
    let folder = tempfile::tempdir().unwrap();
    let logdir = folder.path().join("deep/tbX");
    let args = [
        OsStr::new("--arch"),
        arch.as_ref(),
        "--segments".as_ref(),
        segments.as_ref(),
        "--logdir".as_ref(),
        logdir.as_os_str(),
    ];
    let output = eco(args);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(fs::read_dir(&logdir).unwrap().count(), 1);
    serde_json::from_str(&script(
        "describe.py",
        [OsStr::new("events"), logdir.as_os_str()],
    ))
    .unwrap()
}

fn written_by_pytorch(arch: &str) -> Vec<Node> {
    let folder = made_once("describe.py", "tensorboard", |folder: &Path| {
        script(
            "describe.py",
            [OsStr::new("tensorboard"), folder.as_os_str()],
        );
    });
    serde_json::from_slice(&fs::read(folder.join(format!("{arch}.json"))).unwrap()).unwrap()
}

#[test]
fn tensorboard_reads_the_graph_that_pytorch_would_have_written() {
    for (arch, operators_there) in [("lite", 105), ("full", 274)] {
        let ours = operators(&written_by_eco(arch, "4"));
        let theirs = operators(&written_by_pytorch(arch));
        assert_eq!(theirs.len(), operators_there);
        let names = |graph: &BTreeMap<String, Operator>| graph.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&ours), names(&theirs));
        assert_eq!(ours["eco_2d.inception_a cat 0"].inputs.len(), 4);
        for (key, operator) in &theirs {
            assert_eq!(&ours[key], operator, "{key}");
        }
    }
}

#[test]
fn every_node_of_the_event_file_is_named_once_and_every_edge_leads_to_one() {
    for (arch, tensors) in [("lite", 216), ("full", 566)] {
        nodes_are_sound(&written_by_eco(arch, "16"), tensors);
    }
}

fn nodes_are_sound(nodes: &[Node], tensors: usize) {
    let names: BTreeSet<&str> = nodes.iter().map(|node| &node.name[..]).collect();
    assert_eq!(names.len(), nodes.len());
    for node in nodes {
        for input in &node.inputs {
            assert!(names.contains(&input[..]), "{input} into {}", node.name);
        }
        // A node that has the name of a scope would confuse TensorBoard.
        let scope = format!("{}/", node.name);
        assert!(
            names.iter().all(|name| !name.starts_with(&scope)),
            "{scope}"
        );
    }
    let weight = nodes
        .iter()
        .find(|node| node.name == "eco_2d/basic_conv/conv1_7x7_s2/weight");
    assert_eq!(weight.unwrap().shape, [64, 3, 7, 7]);
    let parameters = nodes
        .iter()
        .filter(|node| node.op == "parameter" || node.op == "buffer");
    assert_eq!(parameters.count(), tensors);
}

fn drawn(args: &[&str]) -> String {
    let output = eco(args);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_pictures_in_the_docs_are_what_the_command_draws() {
    for arch in ["lite", "full"] {
        let path = format!("docs/eco-{arch}.svg");
        let picture = fs::read_to_string(common::root().join(&path)).unwrap();
        let drawn = drawn(&["--arch", arch, "--format", "svg"]);
        assert!(
            drawn == picture,
            "run `eco graph --arch {arch} --format svg -o {path}`"
        );
    }
}

/// Boxes of every kind, under the names of the notebook.
const BOXES: [&str; 9] = [
    "input",
    "conv1_7x7_s2",
    "inception_3a_double_3x3_reduce",
    "inception_3b_pool_proj",
    "cat",
    "res4a_down",
    "add",
    "global_pool",
    "fc_final",
];
const BLOCKS: [&str; 9] = [
    "eco_2d",
    "basic_conv",
    "inception_a",
    "inception_b",
    "inception_c",
    "eco_3d",
    "res_3d_3",
    "res_3d_4",
    "res_3d_5",
];

#[test]
fn every_drawing_shows_boxes_blocks_shapes_and_shortcuts() {
    for format in ["dot", "mermaid", "svg", "html"] {
        let drawn = drawn(&["--format", format, "--segments", "8"]);
        for name in BOXES.iter().chain(&BLOCKS) {
            assert!(drawn.contains(name), "{format}: {name}");
        }
        for shape in ["1×8×3×224×224", "8×192×28×28", "1×256×4×14×14", "1×400"] {
            assert!(drawn.contains(shape), "{format}: {shape}");
        }
        assert!(drawn.contains("23.27 GMAC"), "{format}");
        assert!(drawn.contains("#d1650c"), "{format}: shortcuts");
        // Nothing is fetched from anywhere; the name of SVG itself is not an address that is visited.
        let addresses = drawn.replace("http://www.w3.org/2000/svg", "");
        assert!(!addresses.contains("http"), "{format}");
    }
}

#[test]
fn folded_blocks_are_single_boxes() {
    let dot = drawn(&["--format", "dot", "--depth", "1"]);
    let boxes = dot.lines().filter(|line| line.contains("tooltip="));
    // Input, two views, eco_2d, eco_3d, fc_final, output.
    assert_eq!(boxes.count(), 7);
    assert_eq!(dot.matches(" -> ").count(), 6);
    assert!(!dot.contains("subgraph"));
    let longest = dot.lines().map(str::len).max();
    assert!(longest < Some(2000), "a tooltip of {longest:?} characters");
    assert!(dot.contains("more\""), "{dot}");
    let dot = drawn(&["--format", "dot", "--depth", "2"]);
    assert_eq!(dot.matches("subgraph").count(), 2);
}

#[test]
fn a_drawing_goes_into_a_file_or_fails_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.html");
    let args = [
        OsStr::new("--format"),
        "html".as_ref(),
        "-o".as_ref(),
        path.as_os_str(),
    ];
    assert!(eco(args).status.success());
    assert!(fs::read_to_string(&path).unwrap().ends_with("</html>\n"));

    let path = folder.path().join("missing/net.svg");
    let output = eco([
        OsStr::new("--format"),
        "svg".as_ref(),
        "-o".as_ref(),
        path.as_os_str(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing/net.svg"));
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    for args in [
        &[][..],
        &["--format", "png"],
        &["--output", "x.svg"],
        &["--format", "svg", "--segments", "5"],
        &["--format", "svg", "--depth", "0"],
    ] {
        assert_eq!(eco(args).status.code(), Some(2), "{args:?}");
    }
}
