//! Flags that commands share, written once.

use std::path::{Path, PathBuf};

use super::values::one_of;
use crate::engine::{DeviceRequest, EngineChoice, Precision};
use crate::recipe::{Preprocess, SEGMENTS_STEP, Sampling};

/// Help heading of the flags that select the network and its input.
pub const NETWORK: &str = "Network";
/// Help heading of the flags that say how the network runs.
pub const RUNNING: &str = "Running";

/// Which weights a command uses.
#[derive(Debug, clap::Args)]
pub struct WeightsFlags {
    /// The weights: a file written by `eco load-weights`, a PyTorch checkpoint, a Caffe model, or `demo`
    ///
    /// Default: $ECO_WEIGHTS, else the file imported last. `demo` is embedded in this program: it recognises simple motions of
    /// drawn shapes, which shows that everything works. It knows nothing about Kinetics.
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
    /// Frames per clip that the network sees, a multiple of 4 [default: the weights', else 16]
    #[arg(long, value_name = "N", value_parser = parse_segments, help_heading = NETWORK)]
    pub segments: Option<usize>,
}

/// How frames are sampled and prepared.
#[derive(Debug, clap::Args)]
pub struct FrameFlags {
    /// How frames are sampled: official (the middle of each of N equal parts) or caffe (the same in integer arithmetic)
    /// [default: the weights']
    #[arg(long, value_parser = one_of(Sampling::ALL, Sampling::name), hide_possible_values = true, help_heading = NETWORK)]
    pub sampling: Option<Sampling>,
    /// How frames are resized, cropped and normalised: official, book, caffe or caffe-320x240 [default: the weights']
    #[arg(long, value_parser = one_of(Preprocess::ALL, Preprocess::name), hide_possible_values = true, help_heading = NETWORK)]
    pub preprocess: Option<Preprocess>,
}

/// What runs the network, and on what.
#[derive(Debug, clap::Args)]
pub struct EngineFlags {
    /// The device: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto", help_heading = RUNNING)]
    pub device: DeviceRequest,
    /// The engine: libtorch (any device), winograd (CPUs), or auto (winograd on a CPU with AVX2 and FMA, else libtorch)
    #[arg(long, value_parser = one_of(EngineChoice::ALL, EngineChoice::name), default_value_t, hide_possible_values = true, help_heading = RUNNING)]
    pub engine: EngineChoice,
    /// Number format of the computation: fp32, or on a GPU fp16 or bf16
    #[arg(long, value_parser = one_of(Precision::ALL, Precision::name), default_value_t, hide_possible_values = true, help_heading = RUNNING)]
    pub precision: Precision,
    /// Views per batch [default: 1 on the CPU, 8 on a GPU]
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = RUNNING)]
    pub batch: Option<usize>,
    /// Threads; decoding and the network take turns using them [default: all cores]
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = RUNNING)]
    pub threads: Option<usize>,
}

/// How much a command prints to standard error.
#[derive(Debug, clap::Args)]
pub struct SpeechFlags {
    /// Print nothing but errors to standard error
    #[arg(short, long, conflicts_with = "verbose", help_heading = RUNNING)]
    pub quiet: bool,
    /// Print the settings in use and where the time went
    #[arg(short, long, help_heading = RUNNING)]
    pub verbose: bool,
}

/// Parses a number of segments. The network halves time twice, so it is a multiple of 4.
pub fn parse_segments(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(segments) if segments > 0 && segments % SEGMENTS_STEP == 0 => Ok(segments),
        _ => Err(format!("expected a positive multiple of {SEGMENTS_STEP}")),
    }
}

/// Parses a whole number from 1.
pub fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("expected a whole number from 1".into()),
    }
}
