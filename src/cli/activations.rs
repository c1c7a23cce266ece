//! `eco summary --activations`: the output of every layer for one clip.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::exit::Failure;
use super::flags::FrameFlags;
use super::outputs;
use super::say::say;
use crate::clip::{LoadOptions, load_clip};
use crate::engine::ClipBatch;
use crate::recognise::{INPUT, OpenWeights, WeightsSource, read_input};
use crate::show::summary::TableFormat;
use crate::show::summary::activations::{Activations, Reference};
use crate::text::terminal;
use crate::weights::{Dtype, RawTensor, write};

/// The flags about activations.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Activations")]
#[command(mut_arg("sampling", |arg| arg.requires("activations")))]
#[command(mut_arg("preprocess", |arg| arg.requires("activations")))]
pub(super) struct ActivationsFlags {
    /// Run this clip and show the output of every layer: a directory of frames, a video, or a safetensors file with
    /// `input` of shape [batch, segments, 3, 224, 224]
    #[arg(long, value_name = "CLIP", conflicts_with_all = ["classes", "arch", "batch", "table"])]
    pub activations: Option<PathBuf>,
    /// Compare with these activations of another implementation, and name the first layer that differs (exit code 1)
    #[arg(long, value_name = "FILE", requires = "activations")]
    compare: Option<PathBuf>,
    /// Largest relative difference (L2) that counts as rounding
    #[arg(long, value_name = "X", default_value_t = 1e-4, requires = "compare")]
    tolerance: f64,
    /// Write the input and every output to this safetensors file
    #[arg(long, value_name = "FILE", requires = "activations")]
    dump: Option<PathBuf>,
    #[command(flatten)]
    frames: FrameFlags,
}

/// Runs `clip` and writes the table; a difference that is found ends in a failure that names it.
pub(super) fn run(
    args: &ActivationsFlags,
    clip: &Path,
    weights: &OpenWeights,
    segments: Option<usize>,
    format: TableFormat,
    depth: Option<u8>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let source = match weights.source() {
        WeightsSource::File(path) => Some(path.as_path()),
        WeightsSource::Demo | WeightsSource::MadeUp(_) => None,
    };
    let read = [Some(clip), args.compare.as_deref(), source];
    let written = [("--dump", args.dump.as_deref())];
    outputs::check(&written, &read.into_iter().flatten().collect::<Vec<_>>())?;
    let network = weights.network(segments)?;
    let input = input(args, clip, weights, network.segments())?;
    let reference = args.compare.as_deref().map(Reference::open).transpose()?;
    // A module that runs twice is kept with its last run, as in the references.
    let mut dump: BTreeMap<String, RawTensor<'static>> = BTreeMap::new();
    let mut keep = |name: &str, shape: &[usize], values: &[f32]| {
        if args.dump.is_some() {
            let tensor = RawTensor {
                dtype: Dtype::F32,
                shape: shape.to_vec(),
                data: bytemuck::cast_slice(values).to_vec().into(),
            };
            dump.insert(name.to_owned(), tensor);
        }
    };
    let mut activations = Activations::observe(
        network,
        weights.tensors(),
        &input,
        reference.as_ref(),
        &mut keep,
    )?;
    if let Some(path) = &args.dump {
        let tensors: Vec<_> = dump.into_iter().collect();
        write(path, &tensors, &BTreeMap::new())?;
    }
    let verdict = args
        .compare
        .as_deref()
        .map(|path| verdict(&mut activations, args.tolerance, path));
    if let Some(depth) = depth {
        activations.fold(depth.into());
    }
    activations.write(format, terminal::width(io::stdout()), out)?;
    out.flush()?;
    match verdict {
        Some(Err(difference)) => Err(Failure::from(anyhow!(difference))),
        Some(Ok(agreement)) => {
            say(format_args!("eco: {agreement}"));
            Ok(())
        }
        None => Ok(()),
    }
}

fn verdict(
    activations: &mut Activations,
    tolerance: f64,
    reference: &Path,
) -> Result<String, String> {
    let compared = activations.compared();
    let reference = reference.display();
    match activations.find_difference(tolerance) {
        Some(first) => Err(format!(
            "{} is the first output that differs from {reference} by more than {tolerance:e}{}",
            first.name,
            if first.name == INPUT {
                ": the clips themselves are not the same (frames, sampling or preprocessing)"
            } else {
                ""
            }
        )),
        None => Ok(format!(
            "{compared} outputs agree with {reference} within {tolerance:e}"
        )),
    }
}

/// The clips to run, as the network wants them.
fn input(
    args: &ActivationsFlags,
    clip: &Path,
    weights: &OpenWeights,
    segments: usize,
) -> Result<ClipBatch, Failure> {
    let extension = clip.extension();
    match extension.is_some_and(|extension| extension == "safetensors") {
        true => Ok(read_input(clip)?),
        false => decoded(args, clip, weights, segments),
    }
}

/// One clip, decoded.
fn decoded(
    args: &ActivationsFlags,
    clip: &Path,
    weights: &OpenWeights,
    segments: usize,
) -> Result<ClipBatch, Failure> {
    let metadata = weights.metadata();
    let options = LoadOptions {
        sampling: args
            .frames
            .sampling
            .or(metadata.sampling)
            .unwrap_or_default(),
        segments,
        preprocess: args.frames.preprocess.unwrap_or(metadata.preprocess),
        ..LoadOptions::default()
    };
    let mut batch = ClipBatch::zeros(1, segments);
    let mut written = Ok(());
    load_clip(&clip.to_path_buf().into(), &options, &mut |loaded| {
        written = loaded.views[0].write_normalised(options.preprocess, batch.clip_mut(0));
        ControlFlow::Break(())
    })?;
    written?;
    Ok(batch)
}
