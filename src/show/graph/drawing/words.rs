//! Boxes and their costs in words.

use crate::network::{Layer, Setting};
use crate::show::graph::{Graph, Node};
use crate::text::number::{scaled, thousands};

/// Multiply-accumulates and parameters.
pub(super) fn cost(macs: usize, parameters: usize) -> String {
    let (unit, number) = scaled(macs);
    format!("{number} {unit}MAC, {} params", thousands(parameters))
}

/// Numbers with a multiplication sign between them.
pub(super) fn dimensions<T: ToString>(shape: &[T]) -> String {
    let text: Vec<String> = shape.iter().map(T::to_string).collect();
    text.join("×")
}

/// `Conv2d 7×7 /2`, `cat along 1`.
pub(super) fn work(node: &Node) -> String {
    let Some(layer) = node.layer() else {
        return match (node.op(), find(node, "dim")) {
            (Graph::INPUT, _) => String::new(),
            (_, Some(dim)) => format!("along axis {dim}"),
            _ => String::new(),
        };
    };
    let mut text = layer.type_name().to_owned();
    if let Some(kernel) = find(node, "kernel_size") {
        text += &format!(" {}", window(&kernel, node));
    }
    let stride = find(node, "stride").map(|stride| match stride {
        Setting::Tuple(values) => values[0],
        Setting::Int(value) => value,
        _ => 1,
    });
    if let Some(stride) = stride.filter(|&stride| stride > 1) {
        text += &format!(" /{stride}");
    }
    text
}

/// A window along all of its axes, whether it is kept as one number or several.
fn window(kernel: &Setting, node: &Node) -> String {
    match kernel {
        Setting::Tuple(values) => dimensions(values),
        // Batch and channels come before the axes that a window slides along.
        Setting::Int(value) => dimensions(&vec![*value; node.shape.len().saturating_sub(2)]),
        other => other.to_string(),
    }
}

/// The setting of that name.
pub(super) fn find(node: &Node, name: &str) -> Option<Setting> {
    let mut attributes = node.attributes().into_iter();
    let attribute = attributes.find(|attribute| attribute.name == name);
    attribute.map(|attribute| attribute.value)
}

/// Name, type and settings of a node on one line.
pub(super) fn details(node: &Node) -> String {
    let settings: Vec<String> = node
        .attributes()
        .iter()
        .map(|attribute| format!("{}={}", attribute.name, attribute.value))
        .collect();
    let what = node.layer().map_or(node.op(), Layer::type_name);
    let place = if node.path.is_empty() {
        String::new()
    } else {
        format!("{}: ", node.path)
    };
    format!(
        "{place}{what}({}) → {}",
        settings.join(", "),
        dimensions(&node.shape)
    )
}
