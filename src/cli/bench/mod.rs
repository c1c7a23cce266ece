//! `eco bench`: how fast the network runs here.

mod queued;
mod report;
mod self_check;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::ValueEnum;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::exit::Failure;
use super::flags::{EngineFlags, NETWORK, SegmentsFlags, WeightsFlags};
use super::inputs::DecoderFlags;
use super::network::Arch;
use super::weights::Chosen;
use super::{outputs, weights};
use crate::clip::{ClipEntry, OpenOptions, load_clip};
use crate::engine::{ClipBatch, Device, DeviceRequest, Output};
use crate::file::NewFile;
use crate::recognise::{OpenWeights, Options, Recogniser, WeightsSource, read_input, use_threads};
use report::{Queued, Report, Stage};

/// Measure how fast the network runs on this machine
///
/// Times are milliseconds per clip. Without CLIP only the forward pass is measured, on synthetic frames. With CLIP, decoding
/// and the whole path from file to logits are measured as well. GPU times include synchronisation; there, batches one
/// after the other, which `eco classify` does not wait for, are measured as well. Times depend on the network
/// and not on its weights: `--arch` measures one for which there are none.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A directory of frames or a video; it is decoded in every run
    #[arg(value_name = "CLIP")]
    clip: Option<PathBuf>,
    #[command(flatten)]
    decoder: DecoderFlags,
    #[command(flatten)]
    weights: WeightsFlags,
    /// The network, with made-up weights [default: that of the weights]
    #[arg(long, value_enum, ignore_case = true, conflicts_with = "weights", help_heading = NETWORK)]
    arch: Option<Arch>,
    #[command(flatten)]
    segments: SegmentsFlags,
    #[command(flatten)]
    engine: EngineFlags,
    /// Runs that are not measured, before the others
    #[arg(long, value_name = "N", default_value_t = 2)]
    warmup: u16,
    /// Measured runs
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Format of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Run on the tensor `input` of this safetensors file, `[clips, segments, 3, 224, 224]`, instead of synthetic frames
    #[arg(long, value_name = "FILE", conflicts_with_all = ["clip", "batch", "segments"])]
    input: Option<PathBuf>,
    /// Check that the device computes what the CPU computes, instead of measuring: networks, blocks and training steps, with
    /// weights that are made up. Takes a minute; --batch is the largest batch [default: 32]
    #[arg(long, conflicts_with_all = ["clip", "weights", "arch", "segments", "engine", "precision", "warmup", "runs", "input", "outputs"])]
    self_check: bool,
    /// Write the features and logits of the last run: .safetensors
    #[arg(long, value_name = "FILE")]
    outputs: Option<PathBuf>,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// A table
    #[default]
    Text,
    /// One object
    Json,
    /// One line per stage
    Csv,
}

impl Args {
    /// The library's options for these flags.
    fn options(
        &self,
        weights: &OpenWeights,
        segments: Option<usize>,
        threads: usize,
    ) -> Result<Options, Failure> {
        // One clip at a time has all threads for itself.
        let open = OpenOptions {
            threads: Some(threads),
            decoder: self.decoder.decoder(),
            ..OpenOptions::default()
        };
        Ok(Options {
            device: DeviceRequest::Only(self.engine.device.resolve()?),
            engine: self.engine.engine,
            precision: self.engine.precision,
            threads: Some(threads),
            batch: self.engine.batch,
            segments,
            open,
            ..Options::new(weights.source().clone())
        })
    }
}

/// Measures what `args` ask for and prints it.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if args.self_check {
        return self_check::run(args);
    }
    let threads = use_threads(args.engine.threads)?;
    let input = args.input.as_deref().map(read_input).transpose()?;
    let segments = input.as_ref().map(|batch| batch.segments);
    let chosen = match args.arch {
        Some(arch) => Chosen {
            source: WeightsSource::MadeUp(arch.into()),
            reason: "",
        },
        None => weights::find(args.weights.named())?,
    };
    let read = [args.clip.as_deref(), args.input.as_deref(), chosen.file()];
    let written = [("--outputs", args.outputs.as_deref())];
    outputs::check(&written, &read.into_iter().flatten().collect::<Vec<_>>())?;
    let outputs = args.outputs.as_deref().map(NewFile::create).transpose()?;
    let mut stages = Vec::new();
    let weights = timed(&mut stages, "weights", || {
        Ok(OpenWeights::open(chosen.source)?)
    })?;
    let segments = segments.or(args.segments.segments);
    let options = args.options(&weights, segments, threads)?;
    let recogniser = timed(&mut stages, "engine", || {
        Ok(Recogniser::with_weights(weights, options)?)
    })?;
    let mut batch = input.unwrap_or_else(|| {
        let mut batch = ClipBatch::zeros(recogniser.batch(), recogniser.engine().segments());
        fill(&mut batch.values);
        batch
    });
    timed(&mut stages, "first forward", || {
        Ok(recogniser.engine().run(&batch).map(drop)?)
    })?;
    let bench = Bench {
        args,
        recogniser: &recogniser,
    };
    let (measured, output) = bench.measure(&mut batch)?;
    stages.extend(measured);
    if let Some(file) = outputs {
        write_outputs(file, &output, batch.clips)?;
    }
    let queue = bench.measure_queue(batch.clips)?.map(|(measured, queue)| {
        stages.extend(measured);
        queue
    });
    let report = Report::new(&recogniser, batch.clips, args.warmup, stages, queue);
    match args.format {
        Format::Text => report.text()?,
        Format::Json => report.json()?,
        Format::Csv => report.csv()?,
    }
    Ok(())
}

/// Runs `work` once and records how long it took.
fn timed<T>(
    stages: &mut Vec<Stage>,
    name: &'static str,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let started = Instant::now();
    let done = work()?;
    stages.push(Stage::new(name, vec![started.elapsed()], 1));
    Ok(done)
}

struct Bench<'a> {
    args: &'a Args,
    recogniser: &'a Recogniser,
}

impl Bench<'_> {
    /// Runs the batch as often as asked for. Returns the times and the output of the last run.
    fn measure(&self, batch: &mut ClipBatch) -> anyhow::Result<(Vec<Stage>, Output)> {
        let (mut decode, mut forward, mut whole) = (Vec::new(), Vec::new(), Vec::new());
        let mut output = None;
        let warmup = u32::from(self.args.warmup);
        for run in 0..warmup + u32::from(self.args.runs) {
            let started = Instant::now();
            if let Some(clip) = &self.args.clip {
                for index in 0..batch.clips {
                    self.decode(clip, batch.clip_mut(index))?;
                }
            }
            let decoded = started.elapsed();
            output = Some(self.recogniser.engine().run(batch)?);
            if run >= warmup {
                decode.push(decoded);
                forward.push(started.elapsed() - decoded);
                whole.push(started.elapsed());
            }
        }
        let output = output.context("no run")?;
        let mut stages = vec![Stage::new("forward", forward, batch.clips)];
        if self.args.clip.is_some() {
            stages.push(Stage::new("decode", decode, batch.clips));
            stages.push(Stage::new("end to end", whole, batch.clips));
        }
        Ok((stages, output))
    }

    /// On a GPU, batches as `eco classify` runs them.
    fn measure_queue(&self, clips: usize) -> anyhow::Result<Option<(Vec<Stage>, Queued)>> {
        let engine = self.recogniser.engine();
        let [warmup, runs] = [self.args.warmup, self.args.runs].map(usize::from);
        Ok(match engine.device() {
            Device::Cpu => None,
            Device::Cuda(_) => queued::measure(engine, clips, warmup, runs)?,
        })
    }

    /// Finds, decodes and normalises one clip.
    fn decode(&self, clip: &Path, values: &mut [f32]) -> anyhow::Result<()> {
        let mut written = Ok(());
        let options = self.recogniser.load_options();
        load_clip(&ClipEntry::from(clip.to_owned()), &options, &mut |loaded| {
            for frames in loaded.views.iter().take(1) {
                written = frames.write_normalised(options.preprocess, values);
            }
            ControlFlow::Break(())
        })?;
        Ok(written?)
    }
}

/// Fills `values` with pseudo-random pixels, 0 to 255 less a mean, the same each time. Run time does not depend on the values.
fn fill(values: &mut [f32]) {
    let mut state = 1_u32;
    for value in values {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *value = (state >> 24) as f32 - 117.0;
    }
}

/// Writes features and logits, `[clips, features]` and `[clips, classes]`.
fn write_outputs(mut file: NewFile, output: &Output, clips: usize) -> anyhow::Result<()> {
    let view = |values| {
        let bytes = bytemuck::cast_slice(values);
        TensorView::new(Dtype::F32, vec![clips, values.len() / clips], bytes)
    };
    let tensors = [
        ("features", view(&output.features)?),
        ("logits", view(&output.logits)?),
    ];
    let bytes = safetensors::serialize(tensors, None)?;
    file.write_all(&bytes).map_err(|error| file.failed(error))?;
    file.finish()?;
    Ok(())
}
