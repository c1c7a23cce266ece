//! Flags that commands share, written once.

use std::path::{Path, PathBuf};

use super::values::one_of;
use crate::clip::Crops;
use crate::engine::{DeviceRequest, EngineChoice, Precision};
use crate::recipe::{Preprocess, SEGMENTS_STEP, Sampling};
use crate::recognise::{Options, WeightsSource};
use crate::weights::LabelSource;

/// Help heading of the flags that select the network and its input.
pub(super) const NETWORK: &str = "Network";
/// Help heading of the flags that say how the network runs.
pub(super) const RUNNING: &str = "Running";

/// Which weights a command uses.
#[derive(Debug, clap::Args)]
pub(super) struct WeightsFlags {
    /// The weights: a file written by `eco load-weights`, a PyTorch checkpoint, a Caffe model, or `demo`
    ///
    /// Default: $ECO_WEIGHTS, else the file imported last. `demo` is embedded in this program: it recognises simple motions of
    /// drawn shapes, which shows that everything works. It knows nothing about Kinetics.
    #[arg(short, long, value_name = "FILE", help_heading = NETWORK)]
    weights: Option<PathBuf>,
}

impl WeightsFlags {
    /// The weights that were named.
    pub(super) fn named(&self) -> Option<&Path> {
        self.weights.as_deref()
    }
}

/// How many frames the network sees.
#[derive(Debug, clap::Args)]
pub(super) struct SegmentsFlags {
    /// Frames per clip that the network sees, a multiple of 4 [default: the weights', else 16]
    #[arg(long, value_name = "N", value_parser = parse_segments, help_heading = NETWORK)]
    pub segments: Option<usize>,
}

/// How frames are sampled and prepared.
#[derive(Debug, clap::Args)]
pub(super) struct FrameFlags {
    /// How frames are sampled: official (the middle of each of N equal parts) or caffe (the same in integer arithmetic)
    /// [default: the weights']
    #[arg(long, value_parser = one_of(Sampling::ALL, Sampling::name), hide_possible_values = true, help_heading = NETWORK)]
    pub sampling: Option<Sampling>,
    /// How frames are resized, cropped and normalised: official, book, caffe or caffe-320x240 [default: the weights']
    #[arg(long, value_parser = one_of(Preprocess::ALL, Preprocess::name), hide_possible_values = true, help_heading = NETWORK)]
    pub preprocess: Option<Preprocess>,
}

/// Which network looks at clips, and how.
#[derive(Debug, clap::Args)]
pub(super) struct LookFlags {
    #[command(flatten)]
    pub weights: WeightsFlags,
    /// Class names: kinetics400, ucf101, hmdb51-sorted, hmdb51-tsn, something-v1-official, something-v1-sorted, or a file
    /// [default: the weights']
    #[arg(long, value_name = "NAME|FILE", help_heading = NETWORK)]
    labels: Option<String>,
    #[command(flatten)]
    segments: SegmentsFlags,
    #[command(flatten)]
    prepare: FrameFlags,
    /// Temporal views per clip; their frames interleave and their scores are averaged
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_count, help_heading = NETWORK)]
    clips: usize,
    /// Crops per frame: 1, 3 or 10; their scores are averaged
    #[arg(
        long,
        value_parser = one_of(Crops::ALL, Crops::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = NETWORK
    )]
    crops: Crops,
}

impl LookFlags {
    /// The file of class names, if the flag names one.
    pub(super) fn labels_file(&self) -> Option<&Path> {
        self.labels.as_deref().map(Path::new)
    }

    /// The first of these flags that is given.
    pub(super) fn first_given(&self) -> Option<&'static str> {
        let given = [
            ("--weights", self.weights.named().is_some()),
            ("--labels", self.labels.is_some()),
            ("--segments", self.segments.segments.is_some()),
            ("--sampling", self.prepare.sampling.is_some()),
            ("--preprocess", self.prepare.preprocess.is_some()),
            ("--clips", self.clips > 1),
            ("--crops", self.crops != Crops::default()),
        ];
        let mut given = given.into_iter().filter(|(_, is_given)| *is_given);
        given.next().map(|(flag, _)| flag)
    }

    /// The library's options for these flags, for whole clips.
    pub(super) fn options(&self, weights: WeightsSource, engine: &EngineFlags) -> Options {
        Options {
            labels: self.labels.as_deref().map(LabelSource::parse),
            device: engine.device,
            engine: engine.engine,
            precision: engine.precision,
            threads: engine.threads,
            batch: engine.batch,
            segments: self.segments.segments,
            sampling: self.prepare.sampling,
            preprocess: self.prepare.preprocess,
            clips: self.clips,
            crops: self.crops,
            ..Options::new(weights)
        }
    }
}

/// What runs the network, and on what.
#[derive(Debug, clap::Args)]
pub(super) struct EngineFlags {
    /// The device: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto", help_heading = RUNNING)]
    pub device: DeviceRequest,
    /// The engine: libtorch (any device), winograd (CPUs), or auto (winograd on a CPU with AVX2 and FMA, else libtorch)
    #[arg(long, value_parser = one_of(EngineChoice::ALL, EngineChoice::name), default_value_t, hide_possible_values = true, help_heading = RUNNING)]
    pub engine: EngineChoice,
    /// Number format of the computation: fp32; bf16 on a GPU, or on a CPU with AMX; tf32 or fp16 on a GPU
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
pub(super) struct SpeechFlags {
    /// Print nothing but errors to standard error
    #[arg(short, long, conflicts_with = "verbose", help_heading = RUNNING)]
    pub quiet: bool,
    /// Print the settings in use and where the time went
    #[arg(short, long, help_heading = RUNNING)]
    pub verbose: bool,
}

/// Parses a number of segments. The network halves time twice, so it is a multiple of 4.
pub(super) fn parse_segments(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(segments) if segments > 0 && segments % SEGMENTS_STEP == 0 => Ok(segments),
        _ => Err(format!("expected a positive multiple of {SEGMENTS_STEP}")),
    }
}

/// Parses a whole number from 1.
pub(super) fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("expected a whole number from 1".into()),
    }
}

/// Parses a score: `0.5` or `50%`.
pub(super) fn parse_score(text: &str) -> Result<f32, String> {
    let score = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f32>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    match score {
        Ok(score) if (0.0..=1.0).contains(&score) => Ok(score),
        _ => Err("expected a score from 0 to 1 (0.5) or 0% to 100% (50%)".into()),
    }
}
