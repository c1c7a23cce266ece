//! `eco summary --activations`: one clip on its way through the network.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use tch::Tensor;

use super::values::one_of;
use super::weights::Network;
use super::{Failure, say};
use crate::clip::{LoadOptions, load_clip};
use crate::network::FRAME_SIZE;
use crate::recipe::{Preprocess, Sampling};
use crate::show::summary::Format;
use crate::show::summary::activations::{Activations, INPUT, Reference};

/// What of the activations is asked for.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Activations")]
pub struct Args {
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
    /// Which frames to take: official or caffe
    #[arg(
        long,
        value_parser = one_of(Sampling::ALL, Sampling::name),
        default_value_t,
        hide_possible_values = true,
        requires = "activations"
    )]
    sampling: Sampling,
    /// How frames become the network's input: official, book or caffe [default: the weights']
    #[arg(
        long,
        value_parser = one_of(Preprocess::ALL, Preprocess::name),
        hide_possible_values = true,
        requires = "activations"
    )]
    preprocess: Option<Preprocess>,
}

/// Runs `clip` and writes the table; a difference that is found ends in a failure that names it.
pub fn run(
    args: &Args,
    clip: &Path,
    network: &Network,
    format: Format,
    depth: Option<u8>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let input = input(args, clip, network)?;
    let reference = args.compare.as_deref().map(Reference::open).transpose()?;
    let mut dump: Vec<(String, Tensor)> = Vec::new();
    let mut keep = |name: &str, output: &Tensor| {
        if args.dump.is_some() {
            dump.retain(|(earlier, _)| earlier != name);
            dump.push((
                name.to_owned(),
                output
                    .f_contiguous()
                    .map_err(crate::network::Error::from)?
                    .copy(),
            ));
        }
        Ok(())
    };
    let mut activations =
        Activations::observe(&network.net, &input, reference.as_ref(), &mut keep)?;
    if let Some(path) = &args.dump {
        Tensor::write_safetensors(&dump, path)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let verdict = args
        .compare
        .as_deref()
        .map(|path| verdict(&mut activations, args.tolerance, path));
    if let Some(depth) = depth {
        activations.fold(depth.into());
    }
    activations.write(format, out)?;
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
fn input(args: &Args, clip: &Path, network: &Network) -> Result<Tensor, Failure> {
    if clip
        .extension()
        .is_some_and(|extension| extension == "safetensors")
    {
        let tensors = Tensor::read_safetensors(clip)
            .with_context(|| format!("cannot read {}", clip.display()))?;
        let input = tensors.into_iter().find(|(name, _)| name == INPUT);
        let missing = || anyhow!("{} has no tensor called `{INPUT}`", clip.display());
        return Ok(input.ok_or_else(missing)?.1);
    }
    let preprocess = args.preprocess.unwrap_or(network.metadata.preprocess);
    let segments = network.net.segments();
    let options = LoadOptions {
        sampling: args.sampling,
        segments: segments as usize,
        preprocess,
        ..LoadOptions::default()
    };
    let mut values = Ok(Vec::new());
    load_clip(&clip.to_path_buf().into(), &options, &mut |loaded| {
        let frames = &loaded.views[0];
        let mut normalised = vec![0.0; frames.normalised_len()];
        values = frames
            .write_normalised(preprocess, &mut normalised)
            .map(|()| normalised);
        ControlFlow::Break(())
    })?;
    let tensor = Tensor::f_from_slice(&values?)?;
    Ok(tensor.f_view([1, segments, 3, FRAME_SIZE, FRAME_SIZE])?)
}
