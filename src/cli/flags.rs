//! Flags that several commands have, written once.

use std::path::{Path, PathBuf};

use super::values::one_of;
use crate::engine::{DeviceRequest, EngineChoice, Precision};
use crate::recipe::{Preprocess, SEGMENTS_STEP, Sampling};

/// Heading for the flags that say what the network is and sees.
pub const NETWORK: &str = "Network";
/// Heading for the flags that say how it runs.
pub const RUNNING: &str = "Running";

/// Which weights a command uses.
#[derive(Debug, clap::Args)]
pub struct WeightsFlags {
    /// Weights: a file that `eco load-weights` wrote, a PyTorch checkpoint, or `demo`
    ///
    /// Default: $ECO_WEIGHTS, else the file imported last. `demo` is embedded in this program: it tells simple motions of
    /// drawn shapes apart and shows that everything works; it knows nothing of Kinetics.
    #[arg(short, long, value_name = "FILE", help_heading = NETWORK)]
    weights: Option<PathBuf>,
}

impl WeightsFlags {
    /// The weights that were named.
    pub fn named(&self) -> Option<&Path> {
        self.weights.as_deref()
    }
}

/// How many frames the network sees.
#[derive(Debug, clap::Args)]
pub struct SegmentsFlags {
    /// Frames the network looks at, a multiple of 4 [default: the weights']
    #[arg(long, value_name = "N", value_parser = parse_segments, help_heading = NETWORK)]
    pub segments: Option<usize>,
}

/// Which frames these are, and what is done with them.
#[derive(Debug, clap::Args)]
pub struct FrameFlags {
    /// Which frames these are: official (the middle of each of N parts) or caffe (the same in whole numbers) [default: the
    /// weights']
    #[arg(long, value_parser = one_of(Sampling::ALL, Sampling::name), hide_possible_values = true, help_heading = NETWORK)]
    pub sampling: Option<Sampling>,
    /// How frames become the network's input: official, book or caffe [default: the weights']
    #[arg(long, value_parser = one_of(Preprocess::ALL, Preprocess::name), hide_possible_values = true, help_heading = NETWORK)]
    pub preprocess: Option<Preprocess>,
}

/// What runs the network, and on what.
#[derive(Debug, clap::Args)]
pub struct EngineFlags {
    /// auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto", help_heading = RUNNING)]
    pub device: DeviceRequest,
    /// What runs the network: libtorch (any device), winograd (the CPU), or auto: winograd on a CPU with AVX2 and FMA, else
    /// libtorch
    #[arg(long, value_parser = one_of(EngineChoice::ALL, EngineChoice::name), default_value_t, hide_possible_values = true, help_heading = RUNNING)]
    pub engine: EngineChoice,
    /// Numbers the network computes with: fp32, or on a GPU fp16 or bf16
    #[arg(long, value_parser = one_of(Precision::ALL, Precision::name), default_value_t, hide_possible_values = true, help_heading = RUNNING)]
    pub precision: Precision,
    /// Views that go through the network together [default: 1 on the CPU, 8 on a GPU]
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = RUNNING)]
    pub batch: Option<usize>,
    /// Threads in all: the network and the decoding of frames take turns [default: all cores]
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = RUNNING)]
    pub threads: Option<usize>,
}

/// What a command says on standard error.
#[derive(Debug, clap::Args)]
pub struct SpeechFlags {
    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose", help_heading = RUNNING)]
    pub quiet: bool,
    /// Say what is used and where the time goes
    #[arg(short, long, help_heading = RUNNING)]
    pub verbose: bool,
}

/// A number of segments: the network halves it twice.
pub fn parse_segments(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(segments) if segments > 0 && segments % SEGMENTS_STEP == 0 => Ok(segments),
        _ => Err(format!("expected a positive multiple of {SEGMENTS_STEP}")),
    }
}

/// A number of things, of which there is at least one.
pub fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("expected a whole number from 1".into()),
    }
}
