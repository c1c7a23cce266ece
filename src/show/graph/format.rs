//! The languages in which the network is drawn, by name.

use super::drawing::drawing;
use super::{dot, html, mermaid, svg};
use crate::network::Graph;
use crate::text::names;

/// A language to draw the network in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawingFormat {
    /// Graphviz source.
    Dot,
    /// Mermaid source, as GitHub shows it in Markdown.
    Mermaid,
    /// A picture.
    Svg,
    /// A page with the picture, zoom and details.
    Html,
}

names!(DrawingFormat { Dot = "dot", Mermaid = "mermaid", Svg = "svg", Html = "html" });

/// Draws `graph`, blocks deeper than `depth` levels folded into one box.
pub fn draw(graph: &Graph, format: DrawingFormat, depth: Option<usize>) -> String {
    let drawing = drawing(graph, depth);
    match format {
        DrawingFormat::Dot => dot::dot(&drawing),
        DrawingFormat::Mermaid => mermaid::mermaid(&drawing),
        DrawingFormat::Svg => svg::svg(&drawing),
        DrawingFormat::Html => html::html(&drawing),
    }
}
