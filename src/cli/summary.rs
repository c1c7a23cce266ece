use std::io::{self, BufWriter, Write};

use super::network::NetworkArgs;
use super::weights::{self, Network};
use super::{Failure, activations};
use crate::show::summary::{Format, Summary};

/// Print the module tree as PyTorch does, a table of shapes and costs, or what a clip does in every layer
///
/// Counts are torchinfo's: a convolution uses each of its parameters once per output position, any other layer once per
/// sample; sizes are in units of 10^6 bytes. Shapes come from running the network on an empty batch.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Show shapes, parameters, multiply-adds and memory of every layer
    #[arg(long, short = 'v')]
    table: bool,
    /// How to write the table (implies --table)
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Show modules down to this level only; blocks show the sums of what is in them (implies --table)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    depth: Option<u8>,
    /// Clips per batch (implies --table)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=65536))]
    batch: Option<i64>,
    /// Add what the weights of every layer are like: a file, or `demo` (implies --table)
    #[arg(short, long, value_name = "FILE", conflicts_with = "classes")]
    weights: Option<String>,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    activations: activations::Args,
}

const EXAMPLES: &str = "\
Examples:
  eco summary
  eco summary --table --depth 2
  eco summary --weights model.safetensors --format csv > layers.csv
  eco summary --activations frames_dir
  eco summary --activations ref.safetensors --compare ref.safetensors";

impl Args {
    fn wants_table(&self) -> bool {
        let implied = self.format.is_some() || self.depth.is_some() || self.batch.is_some();
        self.table || implied || self.weights.is_some()
    }

    /// The network with the weights that were named, or that are found.
    fn load(&self) -> Result<Network, Failure> {
        weights::load(self.weights.as_deref(), self.network.segments, false)
    }
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    if let Some(clip) = &args.activations.activations {
        let format = args.format.unwrap_or_default();
        let network = args.load()?;
        return activations::run(
            &args.activations,
            clip,
            &network,
            format,
            args.depth,
            &mut out,
        );
    }
    if args.wants_table() {
        table(args)?.write(args.format.unwrap_or_default(), &mut out)?;
    } else {
        writeln!(out, "{}", args.network.shapes()?.root())?;
    }
    out.flush()?;
    Ok(())
}

fn table(args: &Args) -> Result<Summary, Failure> {
    let batch = args.batch.map_or(1, |batch| batch as usize);
    let mut summary = match &args.weights {
        None => Summary::new(&args.network.shapes()?, batch)?,
        Some(_) => {
            let network = args.load()?;
            let mut summary = Summary::new(&network.net, batch)?;
            summary.describe_weights(&network.weights, network.name)?;
            summary
        }
    };
    if let Some(depth) = args.depth {
        summary.fold(depth.into());
    }
    Ok(summary)
}
