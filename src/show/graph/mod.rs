//! The network as a graph of operators, traced from a forward pass, and its drawings.
//!
//! Nothing here knows ECO: every node, scope, shape and cost comes from running the modules under an
//! [`Observer`](crate::network::Observer).

mod dot;
mod drawing;
mod html;
mod layout;
mod mermaid;
mod svg;
pub mod tensorboard;

pub use crate::network::{Call, Graph, Node};

use drawing::Drawing;

/// A language to draw a graph in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Graphviz source
    Dot,
    /// Mermaid source, as GitHub shows it in Markdown
    Mermaid,
    /// A picture
    Svg,
    /// A page with the picture, zoom and details
    Html,
}

/// Draws `graph`, blocks deeper than `depth` levels folded into one box.
pub fn draw(graph: &Graph, format: Format, depth: Option<usize>) -> String {
    let drawing = Drawing::new(graph, depth);
    match format {
        Format::Dot => dot::dot(&drawing),
        Format::Mermaid => mermaid::mermaid(&drawing),
        Format::Svg => svg::svg(&drawing),
        Format::Html => html::html(&drawing),
    }
}
