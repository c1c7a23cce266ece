//! `eco bench`: how fast the network runs here.

mod report;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow};
use clap::ValueEnum;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::classify::use_threads;
use super::load_weights::parse_segments;
use super::{Failure, weights};
use crate::clip::{LoadOptions, load_ahead};
use crate::engine::{
    ClipBatch, DeviceRequest, Engine, EngineChoice, EngineOptions, Output, Precision, build,
};
use crate::file::NewFile;
use crate::recipe::Preprocess;
use report::{Report, Stage};

/// Measure how fast the network runs on this machine
///
/// Times are milliseconds per clip. Without CLIP the forward pass is measured alone, on made-up frames; with CLIP also
/// decoding it and the way from the file to the answer. On a GPU each time includes waiting for its end.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A directory of frames or a video, decoded anew in every run
    #[arg(value_name = "CLIP")]
    clip: Option<PathBuf>,
    /// Weights, as for `eco classify`
    #[arg(short, long, value_name = "FILE")]
    weights: Option<String>,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: DeviceRequest,
    /// What computes the network
    #[arg(long, default_value_t, hide_possible_values = true)]
    engine: EngineChoice,
    /// Numbers the network computes with: fp32, or on a GPU fp16 or bf16
    #[arg(long, default_value_t, hide_possible_values = true)]
    precision: Precision,
    /// Frames the network looks at, a multiple of 4 [default: the weights']
    #[arg(long, value_name = "N", value_parser = parse_segments)]
    segments: Option<usize>,
    /// Clips that go through the network together
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
    /// Threads for the network and for decoding [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Runs before the measured ones
    #[arg(long, value_name = "N", default_value_t = 2)]
    warmup: u16,
    /// Measured runs
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Run on the tensor `input` of this safetensors file, `[clips, segments, 3, 224, 224]`, instead of made-up frames
    #[arg(long, value_name = "FILE", conflicts_with_all = ["clip", "batch", "segments"])]
    input: Option<PathBuf>,
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

/// Measures what `args` ask for and prints it.
pub fn run(args: &Args) -> Result<(), Failure> {
    let threads = use_threads(args.threads.map(usize::from))?;
    let device = args.device.resolve()?;
    let outputs = args.outputs.as_deref().map(NewFile::create).transpose()?;
    let mut batch = args.input.as_deref().map(read_input).transpose()?;
    let segments = batch
        .as_ref()
        .map_or(args.segments, |batch| Some(batch.segments));
    let mut stages = Vec::new();
    let network = timed(&mut stages, "weights", || {
        weights::load(args.weights.as_deref(), segments, true)
    })?;
    let preprocess = network.metadata.preprocess;
    let engine = timed(&mut stages, "engine", || {
        let options = EngineOptions {
            choice: args.engine,
            device,
            precision: args.precision,
            threads,
            frames: None,
        };
        Ok(build(network.net, &network.weights, &options)?)
    })?;
    let mut batch = batch.take().unwrap_or_else(|| {
        let mut batch = ClipBatch::zeros(args.batch.into(), engine.segments());
        fill(&mut batch.values);
        batch
    });
    timed(&mut stages, "first forward", || {
        Ok(engine.run(&batch).map(drop)?)
    })?;
    let bench = Bench {
        args,
        engine: engine.as_ref(),
        preprocess,
    };
    let (measured, output) = bench.measure(&mut batch)?;
    stages.extend(measured);
    if let Some(file) = outputs {
        write_outputs(file, &output, batch.clips)?;
    }
    let report = Report::new(engine.as_ref(), threads, batch.clips, args, stages);
    match args.format {
        Format::Text => report.text()?,
        Format::Json => report.json()?,
        Format::Csv => report.csv()?,
    }
    Ok(())
}

/// Runs `work` once and notes how long it took.
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
    engine: &'a dyn Engine,
    preprocess: Preprocess,
}

impl Bench<'_> {
    /// Runs the batch as often as asked for; what the last run said comes with the times.
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
            output = Some(self.engine.run(batch)?);
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

    /// Finds, decodes and normalises one clip.
    fn decode(&self, clip: &Path, values: &mut [f32]) -> anyhow::Result<()> {
        let options = LoadOptions {
            segments: self.engine.segments(),
            preprocess: self.preprocess,
            ..LoadOptions::default()
        };
        let mut loaded = load_ahead([Ok(clip.to_path_buf().into())], options, 1);
        let item = loaded.next().ok_or_else(|| anyhow!("no clip"))?;
        let loaded = item.outcome?;
        let frames = loaded.views.first().ok_or_else(|| anyhow!("no frames"))?;
        Ok(frames.write_normalised(self.preprocess, values)?)
    }
}

/// Fills `values` with the same pixels each time: 0 to 255 less a mean. How long the network takes doesn't depend on them.
fn fill(values: &mut [f32]) {
    let mut state = 1_u32;
    for value in values {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *value = (state >> 24) as f32 - 117.0;
    }
}

/// Reads the tensor `input` of a safetensors file, `[clips, segments, 3, 224, 224]` in float32.
pub fn read_input(path: &Path) -> Result<ClipBatch, Failure> {
    let shown = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    let tensors =
        SafeTensors::deserialize(&bytes).with_context(|| format!("cannot read {shown}"))?;
    let input = tensors
        .tensor("input")
        .with_context(|| format!("{shown} has no tensor called input"))?;
    let (&[clips, segments, 3, 224, 224], Dtype::F32) = (input.shape(), input.dtype()) else {
        let found = input.shape();
        let message = format!("{shown}: input is {found:?}, not [clips, segments, 3, 224, 224]");
        return Err(Failure::usage(anyhow!(message)));
    };
    Ok(ClipBatch {
        values: bytemuck::pod_collect_to_vec(input.data()),
        clips,
        segments,
    })
}

/// Writes features and logits, `[clips, 512]` and `[clips, classes]`.
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
    Ok(file.finish()?)
}
