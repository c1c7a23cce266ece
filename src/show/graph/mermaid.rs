//! The drawing in Mermaid's language, which GitHub shows as a picture in Markdown.

use super::drawing::{Drawing, Flow, Part, Unit};
use super::svg::{HOT, fill};

/// The source text.
pub(super) fn mermaid(drawing: &Drawing) -> String {
    let mut out = format!(
        "---\ntitle: \"{}: {}\"\n---\nflowchart TB\n",
        drawing.title, drawing.subtitle
    );
    inside(&mut out, drawing, None, 1);
    let mut shortcuts = Vec::new();
    for (index, edge) in drawing.edges.iter().enumerate() {
        let shape = drawing.units[edge.from].shape_text();
        out += &format!("  n{} -->|{shape}| n{}\n", edge.from, edge.to);
        if edge.flow == Flow::Shortcut {
            shortcuts.push(index.to_string());
        }
    }
    for (index, unit) in drawing.units.iter().enumerate() {
        let heat = drawing.heat(unit);
        let ink = if heat > HOT { "#ffffff" } else { "#1b2733" };
        out += &format!(
            "  style n{index} fill:{},stroke:#51677f,color:{ink}\n",
            fill(unit, heat)
        );
    }
    for index in 0..drawing.groups.len() {
        out += &format!("  style g{index} fill:#f3f6fa,stroke:#9fb0c3\n");
    }
    if !shortcuts.is_empty() {
        out += &format!(
            "  linkStyle {} stroke:#d1650c,stroke-width:3px\n",
            shortcuts.join(",")
        );
    }
    out
}

/// The boxes and frames directly inside a frame.
fn inside(out: &mut String, drawing: &Drawing, group: Option<usize>, level: usize) {
    let indent = "  ".repeat(level);
    for (index, unit) in drawing.units.iter().enumerate() {
        if unit.group == group {
            *out += &format!("{indent}n{index}{}\n", shape(unit));
        }
    }
    for (index, inner) in drawing.groups.iter().enumerate() {
        if inner.parent == group {
            let label = format!("{} ({}), {}", inner.name, inner.type_name, inner.cost);
            *out += &format!("{indent}subgraph g{index}[\"{label}\"]\n");
            inside(out, drawing, Some(index), level + 1);
            *out += &format!("{indent}end\n");
        }
    }
}

fn shape(unit: &Unit) -> String {
    let lines = [
        format!("<b>{}</b>", unit.title),
        unit.work.clone(),
        unit.cost(),
    ];
    let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    let text = lines.join("<br>");
    match unit.part {
        Part::Join | Part::Reshape | Part::Terminal => format!("([\"{text}\"])"),
        _ => format!("[\"{text}\"]"),
    }
}
