//! The network as a table: what every layer is, what goes in and out, and what it costs; and what passes through it.

mod activation;
mod activation_columns;
pub mod activations;
mod columns;
mod grid;
mod row;
mod statistics;
mod table;
mod totals;
mod weights;

use std::io;

use serde::Serialize;

pub use row::{Row, WeightStatistics};
pub use statistics::Statistics;
pub use table::TableFormat;
pub use totals::Totals;
pub use weights::WeightsOrigin;

use columns::{COLUMNS, PLACE, WEIGHTS};
use table::Table;

use crate::network::{Network, Result};
use crate::text::terminal::start_of;
use crate::weights::{UnusableWeights, Weights};

/// The table and its totals.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Class name of the network.
    pub network: &'static str,
    /// Shape of the input that was traced, `[batch, segments, 3, 224, 224]`.
    pub input: Vec<usize>,
    /// Classes of the head.
    pub classes: usize,
    /// Every module but the root, parents before children, in definition order.
    pub layers: Vec<Row>,
    /// Sums over all layers, whatever is shown of them.
    pub totals: Totals,
    /// The weights, where some were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsOrigin>,
}

impl Summary {
    /// Summarises a network for `batch` clips.
    ///
    /// # Errors
    /// What tracing the network reports.
    pub fn new(net: &Network, batch: usize) -> Result<Self> {
        let graph = net.graph(batch)?;
        let layers = row::rows(net.root(), &graph);
        let totals = Totals::new(&layers, graph.nodes[0].bytes());
        Ok(Self {
            network: net.root().type_name(),
            input: net.input_shape(batch).to_vec(),
            classes: net.classes(),
            layers,
            totals,
            weights: None,
        })
    }

    /// Adds what the values of the network's weights are like; `file` is what they are called.
    ///
    /// # Errors
    /// Weights that cannot be read.
    pub fn describe_weights(
        &mut self,
        weights: &Weights,
        file: String,
    ) -> std::result::Result<(), UnusableWeights> {
        weights::describe(&mut self.layers, weights)?;
        self.weights = Some(WeightsOrigin {
            file,
            metadata: weights.metadata().clone(),
        });
        Ok(())
    }

    /// Leaves out what lies deeper than `depth` levels below the root; the blocks that stay carry its sums.
    pub fn fold(&mut self, depth: usize) {
        self.layers.retain(|row| row.depth <= depth);
    }

    /// Writes the summary; text in at most `width` columns, where there is a limit.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(
        &self,
        format: TableFormat,
        width: Option<usize>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let mut columns: Vec<_> = COLUMNS.iter().collect();
        if self.weights.is_some() {
            columns.extend(&WEIGHTS);
        }
        if format == TableFormat::Csv {
            columns.splice(0..0, &PLACE);
        }
        let table = Table {
            columns,
            rows: &self.layers,
        };
        match format {
            TableFormat::Text => {
                let Self {
                    network,
                    input,
                    classes,
                    ..
                } = self;
                writeln!(out, "{network}, input {input:?}, {classes} classes")?;
                table.text(width, out)?;
                self.lines().try_for_each(|(name, value)| {
                    let line = format!("{name}: {value}");
                    writeln!(out, "{}", start_of(&line, width.unwrap_or(usize::MAX)))
                })
            }
            TableFormat::Json => {
                serde_json::to_writer_pretty(&mut *out, self)?;
                writeln!(out)
            }
            TableFormat::Csv => table.csv(out),
            TableFormat::Markdown => {
                table.markdown(out)?;
                writeln!(out, "\n| Total | |\n| --- | ---: |")?;
                self.lines()
                    .try_for_each(|(name, value)| writeln!(out, "| {name} | {value} |"))
            }
        }
    }

    /// The lines below the table.
    fn lines(&self) -> impl Iterator<Item = (String, String)> {
        let origin = self.weights.as_ref().map(WeightsOrigin::lines);
        self.totals
            .lines()
            .into_iter()
            .chain(origin.into_iter().flatten())
    }
}
