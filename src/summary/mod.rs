//! The network as a table: what every layer is, what goes in and out, and what it costs.

mod columns;
mod csv;
mod markdown;
mod row;
mod text;
mod totals;

use std::io;

use serde::Serialize;

pub use row::Row;
pub use totals::Totals;

use crate::graph::Graph;
use crate::model::{EcoLite, FRAME_SIZE, Result};

/// How a summary is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns for a terminal.
    Text,
    /// One object with everything.
    Json,
    /// One line per module, plain numbers.
    Csv,
    /// A table for a document.
    Markdown,
}

/// The table and its totals.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Class name of the network.
    pub network: &'static str,
    /// Shape of the input that was traced, `[batch, segments, 3, 224, 224]`.
    pub input: Vec<i64>,
    /// Classes of the head.
    pub classes: i64,
    /// Every module but the root, parents before children, in definition order.
    pub layers: Vec<Row>,
    /// Sums over all layers, whatever is shown of them.
    pub totals: Totals,
}

impl Summary {
    /// Summarises a network for `batch` clips.
    ///
    /// # Errors
    /// What tracing the network reports.
    pub fn new(net: &EcoLite, batch: i64) -> Result<Self> {
        let input = vec![batch, net.segments(), 3, FRAME_SIZE, FRAME_SIZE];
        let graph = Graph::trace(net, &input)?;
        let layers = row::rows(net, &graph);
        let totals = Totals::new(&layers, graph.nodes[0].bytes());
        Ok(Self {
            network: crate::model::Module::type_name(net),
            input,
            classes: net.classes(),
            layers,
            totals,
        })
    }

    /// Leaves out what lies deeper than `depth` levels below the root; the blocks that stay carry its sums.
    pub fn fold(&mut self, depth: usize) {
        self.layers.retain(|row| row.depth <= depth);
    }

    /// Writes the summary.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
        match format {
            Format::Text => text::write(self, out),
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, self)?;
                writeln!(out)
            }
            Format::Csv => csv::write(self, out),
            Format::Markdown => markdown::write(self, out),
        }
    }
}
