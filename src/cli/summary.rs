use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::network::NetworkArgs;
use super::values::one_of;
use super::weights::{self, Network};
use super::{Failure, activations};
use crate::engine::{Device, network};
use crate::network::{EcoLite, Printed};
use crate::show::summary::{Summary, TableFormat, WeightsOrigin};
use crate::weights::{Dtype, Loaded, open};

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
        weights::load(
            self.weights.as_deref(),
            self.network.segments,
            Device::Cpu,
            false,
        )
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
        writeln!(out, "{}", Printed(&args.network.shapes()?))?;
    }
    out.flush()?;
    Ok(())
}

fn table(args: &Args) -> Result<Summary, Failure> {
    let summarise = |net: &EcoLite| Summary::new(net, args.batch.unwrap_or(1));
    let mut summary = match &args.weights {
        None => summarise(&args.network.shapes()?)?,
        Some(_) => {
            let network = args.load()?;
            let mut summary = summarise(&network.net)?;
            let dtype = dtypes(&network.name)?;
            let Network {
                net,
                metadata,
                name,
                ..
            } = network;
            let origin = WeightsOrigin {
                file: name,
                metadata,
            };
            summary.describe_weights(&net, origin, &dtype)?;
            summary
        }
    };
    if let Some(depth) = args.depth {
        summary.fold(depth.into());
    }
    Ok(summary)
}

/// Tells the element types in a file of weights; the network has them all as float32.
fn dtypes(file: &str) -> Result<impl Fn(&str) -> String + use<>, Failure> {
    let loaded: Option<Loaded> = match file {
        crate::weights::locate::DEMO => None,
        file => Some(open(Path::new(file), &network::spec(KINETICS_CLASSES)?)?),
    };
    Ok(move |name: &str| {
        let dtype = loaded.as_ref().and_then(|loaded| loaded.file_dtype(name));
        format!("{:?}", dtype.unwrap_or(Dtype::F32))
    })
}

/// Any number of classes does for the comparison: the head's comes from the file.
const KINETICS_CLASSES: usize = 400;
