use std::path::PathBuf;

use anyhow::Context;

use super::Failure;
use super::network::NetworkArgs;
use crate::graph::{Graph, tensorboard};
use crate::model::FRAME_SIZE;

/// Draw the network: for TensorBoard, or as a picture
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write a graph for TensorBoard into this folder
    #[arg(long, value_name = "DIR")]
    logdir: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let net = args.network.shapes()?;
    let graph = Graph::trace(&net, &[1, net.segments(), 3, FRAME_SIZE, FRAME_SIZE])?;
    if let Some(logdir) = &args.logdir {
        let path = tensorboard::write(&graph, logdir)
            .with_context(|| format!("cannot write into {}", logdir.display()))?;
        eprintln!("eco: wrote {}", path.display());
        eprintln!(
            "eco: look at it with: tensorboard --logdir {}",
            logdir.display()
        );
    }
    Ok(())
}
