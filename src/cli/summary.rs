use std::io::{self, BufWriter, Write};

use super::Failure;
use super::network::NetworkArgs;
use crate::model::Printed;
use crate::summary::{Format, Summary};

/// Print the module tree as PyTorch does, or a table of shapes and costs
#[derive(Debug, clap::Args)]
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
    #[command(flatten)]
    network: NetworkArgs,
}

impl Args {
    fn wants_table(&self) -> bool {
        self.table || self.format.is_some() || self.depth.is_some() || self.batch.is_some()
    }
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let net = args.network.shapes()?;
    let mut out = BufWriter::new(io::stdout().lock());
    if args.wants_table() {
        let mut summary = Summary::new(&net, args.batch.unwrap_or(1))?;
        if let Some(depth) = args.depth {
            summary.fold(depth.into());
        }
        summary.write(args.format.unwrap_or(Format::Text), &mut out)?;
    } else {
        writeln!(out, "{}", Printed(&net))?;
    }
    out.flush()?;
    Ok(())
}
