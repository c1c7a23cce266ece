use std::io::{self, BufWriter, Write};

use super::exit::Failure;
use super::flags::WeightsFlags;
use super::network::NetworkArgs;
use super::values::one_of;
use super::{activations, weights};
use crate::recognise::OpenWeights;
use crate::show::summary::{Summary, TableFormat};
use crate::text::terminal;

/// Print the module tree as PyTorch does, a table of shapes and costs, or what a clip does in every layer
///
/// Counts are torchinfo's: a convolution uses each of its parameters once per output position, any other layer once per
/// sample; sizes are in units of 10^6 bytes. Shapes come from tracing the network; nothing is computed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(mut_arg("weights", |arg| arg.conflicts_with_all(["classes", "arch"]).help(WEIGHTS).long_help(WEIGHTS)))]
pub(super) struct Args {
    /// Show shapes, parameters, multiply-adds and memory of every layer
    #[arg(long)]
    table: bool,
    /// How to write the table: text, json, csv or markdown (implies --table)
    #[arg(
        long,
        value_parser = one_of(TableFormat::ALL, TableFormat::name),
        hide_possible_values = true,
        value_name = "FORMAT"
    )]
    format: Option<TableFormat>,
    /// Show modules down to this level only; blocks show the sums of what is in them (implies --table)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    depth: Option<u8>,
    /// Clips per batch (implies --table)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=65536))]
    batch: Option<i64>,
    #[command(flatten)]
    weights: WeightsFlags,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    activations: activations::ActivationsFlags,
}

const WEIGHTS: &str =
    "Add what the weights of every layer are like: a file, or `demo` (implies --table)";

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
        self.table || implied || self.weights.named().is_some()
    }

    /// The weights that were named, or that are found.
    fn open(&self) -> Result<OpenWeights, Failure> {
        let chosen = weights::find(self.weights.named())?;
        chosen.announce();
        Ok(OpenWeights::open(chosen.source)?)
    }
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    if let Some(clip) = &args.activations.activations {
        return activations::run(
            &args.activations,
            clip,
            &args.open()?,
            args.network.segments.segments,
            args.format.unwrap_or_default(),
            args.depth,
            &mut out,
        );
    }
    if args.wants_table() {
        table(args)?.write(
            args.format.unwrap_or_default(),
            terminal::width(io::stdout()),
            &mut out,
        )?;
    } else {
        writeln!(out, "{}", args.network.shapes()?.root())?;
    }
    out.flush()?;
    Ok(())
}

fn table(args: &Args) -> Result<Summary, Failure> {
    let batch = args.batch.map_or(1, |batch| batch as usize);
    let mut summary = match args.weights.named() {
        None => Summary::new(&args.network.shapes()?, batch)?,
        Some(_) => {
            let open = args.open()?;
            let mut summary = Summary::new(&open.network(args.network.segments.segments)?, batch)?;
            summary.describe_weights(open.tensors(), open.source().to_string())?;
            summary
        }
    };
    if let Some(depth) = args.depth {
        summary.fold(depth.into());
    }
    Ok(summary)
}
