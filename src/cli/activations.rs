//! `eco summary --activations`: one clip on its way through the network.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use tch::{Kind, Tensor};

use super::exit::Failure;
use super::flags::FrameFlags;
use super::say::say;
use crate::clip::{LoadOptions, load_clip};
use crate::engine::{ClipBatch, Device};
use crate::network::{self, EcoLite, FRAME_SIZE};
use crate::recognise::{INPUT, OpenWeights, read_input};
use crate::show::summary::TableFormat;
use crate::show::summary::activations::{Activations, Reference};
use crate::text::terminal;
use crate::weights::{Dtype, RawTensor, write};

/// What of the activations is asked for.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Activations")]
#[command(mut_arg("sampling", |arg| arg.requires("activations")))]
#[command(mut_arg("preprocess", |arg| arg.requires("activations")))]
pub struct ActivationsFlags {
    /// Run this clip and show what every layer puts out: a directory of frames, a video, or a safetensors file with
    /// `input` of shape [batch, segments, 3, 224, 224]
    #[arg(long, value_name = "CLIP", conflicts_with_all = ["classes", "batch", "table"])]
    pub activations: Option<PathBuf>,
    /// Compare with these activations of another implementation, and name the first layer that differs (exit code 1)
    #[arg(long, value_name = "FILE", requires = "activations")]
    compare: Option<PathBuf>,
    /// Difference that rounding may make, relative to the length of an output
    #[arg(long, value_name = "X", default_value_t = 1e-4, requires = "compare")]
    tolerance: f64,
    /// Write the input and every output into this safetensors file
    #[arg(long, value_name = "FILE", requires = "activations")]
    dump: Option<PathBuf>,
    #[command(flatten)]
    frames: FrameFlags,
}

/// Runs `clip` and writes the table; a difference that is found ends in a failure that names it.
pub fn run(
    args: &ActivationsFlags,
    clip: &Path,
    weights: &OpenWeights,
    segments: Option<usize>,
    format: TableFormat,
    depth: Option<u8>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let net = weights.network(segments, Device::Cpu)?;
    let input = input(args, clip, weights, &net)?;
    let reference = args.compare.as_deref().map(Reference::open).transpose()?;
    let mut dump: Vec<(String, RawTensor)> = Vec::new();
    let mut keep = |name: &str, output: &Tensor| {
        if args.dump.is_some() {
            dump.retain(|(earlier, _)| earlier != name);
            dump.push((name.to_owned(), raw(output).map_err(network::Error::from)?));
        }
        Ok(())
    };
    let mut activations = Activations::observe(&net, &input, reference.as_ref(), &mut keep)?;
    if let Some(path) = &args.dump {
        write(path, &dump, &BTreeMap::new())?;
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

/// A copy of the values, as float32.
fn raw(tensor: &Tensor) -> Result<RawTensor<'static>, tch::TchError> {
    let tensor = tensor.f_to_kind(Kind::Float)?.f_contiguous()?;
    let mut bytes = vec![0; tensor.numel() * size_of::<f32>()];
    tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
    Ok(RawTensor {
        dtype: Dtype::F32,
        shape: tensor
            .size()
            .iter()
            .map(|&extent| extent as usize)
            .collect(),
        data: bytes.into(),
    })
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
    net: &EcoLite,
) -> Result<Tensor, Failure> {
    let extension = clip.extension();
    let batch = match extension.is_some_and(|extension| extension == "safetensors") {
        true => read_input(clip)?,
        false => decoded(args, clip, weights, net.segments() as usize)?,
    };
    let [clips, segments] = [batch.clips, batch.segments].map(|count| count as i64);
    let tensor = Tensor::f_from_slice(&batch.values)?;
    Ok(tensor.f_view([clips, segments, 3, FRAME_SIZE, FRAME_SIZE])?)
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
        sampling: args.frames.sampling.unwrap_or_default(),
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
