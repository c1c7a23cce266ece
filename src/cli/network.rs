use clap::ValueEnum;

use super::Failure;
use crate::model::{DEFAULT_SEGMENTS, EcoLite, Shapes};

/// The networks that `eco` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Arch {
    /// The notebook's network: BN-Inception per frame, then a 3D ResNet.
    EcoLite,
}

/// Which network a command is about.
#[derive(Debug, clap::Args)]
pub struct NetworkArgs {
    /// The network
    #[arg(long, value_enum, default_value_t = Arch::EcoLite)]
    arch: Arch,
    /// Frames per clip, a multiple of 4
    #[arg(long, default_value_t = DEFAULT_SEGMENTS, value_name = "N")]
    segments: i64,
    /// Classes of the head
    #[arg(long, default_value_t = 400, value_name = "N")]
    classes: i64,
}

impl NetworkArgs {
    /// The network without weights.
    pub fn shapes(&self) -> Result<EcoLite, Failure> {
        match self.arch {
            Arch::EcoLite => EcoLite::new(self.classes, self.segments, &mut Shapes),
        }
        .map_err(Failure::usage)
    }
}
