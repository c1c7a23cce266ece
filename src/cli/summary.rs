use std::io::{self, Write};

use super::Failure;
use crate::model::{DEFAULT_SEGMENTS, EcoLite, Printed, Shapes};

/// Print the module tree, exactly as PyTorch's print(net) does
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Classes of the head
    #[arg(long, default_value_t = 400, value_name = "N")]
    classes: i64,
    /// Frames per clip, a multiple of 4
    #[arg(long, default_value_t = DEFAULT_SEGMENTS, value_name = "N")]
    segments: i64,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let net = EcoLite::new(args.classes, args.segments, &mut Shapes).map_err(Failure::usage)?;
    writeln!(io::stdout().lock(), "{}", Printed(&net))?;
    Ok(())
}
