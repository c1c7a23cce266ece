//! The drawing in Graphviz's DOT language.

use std::fmt::Write;

use super::drawing::{Drawing, Edge, Flow, Part, Unit};
use super::svg::{HOT, fill};

/// Layers of a folded block that a tooltip names.
const MAX_DETAILS: usize = 8;

/// The source text.
pub(super) fn dot(drawing: &Drawing) -> String {
    let mut out = String::new();
    out += &format!("digraph {} {{\n", quoted(&drawing.title));
    out += &format!(
        "  label={};\n",
        quoted(&format!("{}\n{}", drawing.title, drawing.subtitle))
    );
    out += "  labelloc=t;\n";
    out += "  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\", fontsize=10];\n";
    out += "  edge [fontname=\"sans-serif\", fontsize=8, color=\"#66788b\"];\n";
    out += "  graph [fontname=\"sans-serif\", style=rounded, color=\"#9fb0c3\"];\n";
    inside(&mut out, drawing, None, 1);
    for edge in &drawing.edges {
        out += &arrow(drawing, edge);
    }
    out += "}\n";
    out
}

/// The boxes and frames directly inside a frame.
fn inside(out: &mut String, drawing: &Drawing, group: Option<usize>, level: usize) {
    let indent = "  ".repeat(level);
    for (index, unit) in drawing.units.iter().enumerate() {
        if unit.group == group {
            *out += &format!("{indent}n{index} [{}];\n", attributes(drawing, unit));
        }
    }
    for (index, inner) in drawing.groups.iter().enumerate() {
        if inner.parent == group {
            let label = format!("{} ({}), {}", inner.name, inner.type_name, inner.cost);
            *out += &format!(
                "{indent}subgraph {} {{\n",
                quoted(&format!("cluster_{}", inner.path))
            );
            *out += &format!("{indent}  label={};\n", quoted(&label));
            inside(out, drawing, Some(index), level + 1);
            *out += &format!("{indent}}}\n");
        }
    }
}

fn attributes(drawing: &Drawing, unit: &Unit) -> String {
    let heat = drawing.heat(unit);
    let mut label = unit.title.clone();
    for line in [&unit.work, &unit.cost()] {
        if !line.is_empty() {
            let _ = write!(label, "\n{line}");
        }
    }
    let shape = match unit.part {
        Part::Join | Part::Reshape | Part::Terminal => ", shape=ellipse",
        _ => "",
    };
    let ink = if heat > HOT { ", fontcolor=white" } else { "" };
    format!(
        "label={}, tooltip={}, fillcolor=\"{}\"{shape}{ink}",
        quoted(&label),
        quoted(&tooltip(&unit.details)),
        fill(unit, heat)
    )
}

fn tooltip(details: &[String]) -> String {
    let rest = details.len().saturating_sub(MAX_DETAILS);
    let mut text = details[..details.len() - rest].join("\n");
    if rest > 0 {
        text += &format!("\n… and {rest} more");
    }
    text
}

fn arrow(drawing: &Drawing, edge: &Edge) -> String {
    let shape = quoted(&drawing.units[edge.from].shape_text());
    let style = match edge.flow {
        Flow::Main => "",
        Flow::Shortcut => ", color=\"#d1650c\", penwidth=2",
    };
    format!("  n{} -> n{} [label={shape}{style}];\n", edge.from, edge.to)
}

/// A quoted DOT string, with line breaks escaped as `\n`.
fn quoted(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{text}\"")
}
