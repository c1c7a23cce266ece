use clap::ValueEnum;

use super::exit::Failure;
use super::flags::SegmentsFlags;
use crate::network::Network;
use crate::recipe::Architecture;
use crate::recipe::{DEFAULT_SEGMENTS, KINETICS_CLASSES};

/// The networks that `eco` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Arch {
    /// The notebook's network: the first part of BN-Inception on every frame, then a 3D ResNet
    #[value(alias = "eco-lite")]
    Lite,
    /// ECO-Lite and beside the 3D ResNet the rest of BN-Inception, whose features are averaged over the frames
    #[value(alias = "eco-full")]
    Full,
}

impl Arch {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lite => "lite",
            Self::Full => "full",
        }
    }
}

impl From<Arch> for Architecture {
    fn from(arch: Arch) -> Self {
        match arch {
            Arch::Lite => Self::Lite,
            Arch::Full => Self::Full,
        }
    }
}

impl From<Architecture> for Arch {
    fn from(architecture: Architecture) -> Self {
        match architecture {
            Architecture::Lite => Self::Lite,
            Architecture::Full => Self::Full,
        }
    }
}

/// Which network a command is about.
#[derive(Debug, clap::Args)]
pub(super) struct NetworkArgs {
    /// The network
    #[arg(long, value_enum, ignore_case = true, default_value_t = Arch::Lite)]
    arch: Arch,
    #[command(flatten)]
    pub segments: SegmentsFlags,
    /// Classes of the head [default: 400]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    classes: Option<i64>,
}

impl NetworkArgs {
    /// The network without weights.
    pub(super) fn shapes(&self) -> Result<Network, Failure> {
        let segments = self.segments.segments.unwrap_or(DEFAULT_SEGMENTS);
        let classes = self
            .classes
            .map_or(KINETICS_CLASSES, |classes| classes as usize);
        Network::new(self.arch.into(), classes, segments).map_err(Failure::usage)
    }
}
