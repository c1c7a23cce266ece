use clap::ValueEnum;

use super::exit::Failure;
use super::flags::SegmentsFlags;
use crate::network::Network;
use crate::recipe::Architecture;
use crate::recipe::{DEFAULT_SEGMENTS, KINETICS_CLASSES};

/// The networks that `eco` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Arch {
    /// The notebook's network: BN-Inception on every frame, then a 3D ResNet
    EcoLite,
    /// The larger network: the whole of BN-Inception on every frame, beside the 3D ResNet
    EcoFull,
}

/// Which network a command is about.
#[derive(Debug, clap::Args)]
pub struct NetworkArgs {
    /// The network
    #[arg(long, value_enum, default_value_t = Arch::EcoLite)]
    arch: Arch,
    #[command(flatten)]
    pub segments: SegmentsFlags,
    /// Classes of the head [default: 400]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    classes: Option<i64>,
}

impl NetworkArgs {
    /// The network without weights.
    pub fn shapes(&self) -> Result<Network, Failure> {
        let segments = self.segments.segments.unwrap_or(DEFAULT_SEGMENTS);
        let classes = self
            .classes
            .map_or(KINETICS_CLASSES, |classes| classes as usize);
        let architecture = match self.arch {
            Arch::EcoLite => Architecture::Lite,
            Arch::EcoFull => Architecture::Full,
        };
        Network::new(architecture, classes, segments).map_err(Failure::usage)
    }
}
