use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::exit::Failure;
use super::network::NetworkArgs;
use super::say::say;
use super::values::one_of;
use crate::file;
use crate::show::graph::{DrawingFormat, Graph, draw, tensorboard};
use crate::text::shell_word;

/// Draw the network: for TensorBoard, or as a picture
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("target").required(true).multiple(true))]
pub(super) struct Args {
    /// Write the graph for TensorBoard into this folder
    #[arg(long, value_name = "DIR", group = "target")]
    logdir: Option<PathBuf>,
    /// Draw it: dot (Graphviz), mermaid (for Markdown), svg (a picture) or html (a page with the picture, zoom and details)
    #[arg(
        long,
        value_parser = one_of(DrawingFormat::ALL, DrawingFormat::name),
        hide_possible_values = true,
        value_name = "FORMAT",
        group = "target"
    )]
    format: Option<DrawingFormat>,
    /// Write the drawing into this file instead of standard output
    #[arg(long, short, value_name = "FILE", requires = "format")]
    output: Option<PathBuf>,
    /// Draw blocks deeper than this level as one box
    #[arg(long, value_name = "N", requires = "format", value_parser = clap::value_parser!(u8).range(1..))]
    depth: Option<u8>,
    /// Clips per batch
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=65536))]
    batch: i64,
    #[command(flatten)]
    network: NetworkArgs,
}

const EXAMPLES: &str = "\
Examples:
  eco graph --logdir graphs && tensorboard --logdir graphs
  eco graph --format html --output eco.html
  eco graph --format svg --depth 2 > eco.svg
  eco graph --format dot | dot -Tpdf > eco.pdf";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let net = args.network.shapes()?;
    let graph = net.graph(args.batch as usize)?;
    if let Some(logdir) = &args.logdir {
        write_for_tensorboard(&graph, logdir)?;
    }
    if let Some(format) = args.format {
        let drawing = draw(&graph, format, args.depth.map(usize::from));
        match &args.output {
            Some(path) => file::write(path, drawing.as_bytes())?,
            None => io::stdout().lock().write_all(drawing.as_bytes())?,
        }
    }
    Ok(())
}

fn write_for_tensorboard(graph: &Graph, logdir: &Path) -> Result<(), Failure> {
    let path = tensorboard::write(graph, logdir)?;
    say(format_args!("eco: wrote {}", path.display()));
    say(format_args!(
        "eco: look at it with: tensorboard --logdir {}",
        shell_word(logdir)
    ));
    Ok(())
}
