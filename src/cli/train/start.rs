//! What every training begins with: clips, the weights to start from, and a place to write to.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::args::{Args, Judging};
use super::data::Data;
use super::mirror::Mirroring;
use super::parts;
use crate::cli::exit::Failure;
use crate::cli::{outputs, weights};
use crate::file::NewFile;
use crate::recipe::{Preprocess, Sampling};
use crate::recognise::WeightsSource;
use crate::weights::{Assumed, Metadata, sha256};

/// What a training starts from.
pub(super) struct Start {
    pub source: WeightsSource,
    /// What it is called in the file that is written.
    pub name: String,
    pub sha256: Option<String>,
    pub data: Data,
    pub mirroring: Mirroring,
}

impl Start {
    /// Finds everything that `args` name.
    ///
    /// # Errors
    /// Clips, weights and outputs that cannot be.
    pub(super) fn find(args: &Args, judging: &Judging) -> Result<Self, Failure> {
        let chosen = weights::find(args.weights.named())?;
        if !args.speech.quiet {
            chosen.announce();
        }
        let file = chosen.file().map(Path::to_owned);
        let data = Data::find(args, judging)?;
        let read = data.lists.iter().chain(&args.inputs).map(PathBuf::as_path);
        let read: Vec<&Path> = read.chain(file.as_deref()).collect();
        let outputs = [
            ("--output", Some(args.output())),
            ("--report", args.report.as_deref()),
        ];
        outputs::check(&outputs, &read)?;
        let clips = data.fitted.iter().chain(&data.judged);
        let clips = clips.map(|(entry, _)| &*entry.path);
        let [output, report] = outputs;
        outputs::check_clips(
            &[output, report, ("--logdir", args.logdir.as_deref())],
            clips,
        )?;
        check_extension(args.output())?;
        // A path that cannot be written shows before the work.
        for (_, path) in outputs {
            if let Some(path) = path {
                drop(NewFile::create(path)?);
            }
        }
        data.count(&mut data.fitted.iter().map(|(_, class)| *class))?;
        parts::check(&data, judging, args.seed)?;
        let sha256 = file.as_deref().map(|path| {
            let hash = sha256(path);
            hash.with_context(|| format!("cannot read {}", path.display()))
        });
        Ok(Self {
            source: chosen.source,
            name: match &file {
                None => "demo".to_owned(),
                Some(path) => {
                    let name = path.file_name().unwrap_or_default();
                    name.to_string_lossy().into_owned()
                }
            },
            sha256: sha256.transpose()?,
            mirroring: Mirroring::find(args, &data.classes)?,
            data,
        })
    }
}

/// Other programs know the format by the file's name.
fn check_extension(output: &Path) -> Result<(), Failure> {
    match output.extension() {
        Some(extension) if extension == "safetensors" => Ok(()),
        _ => {
            let message = format!(
                "{} will be a safetensors file; name it so: {}",
                output.display(),
                output.with_extension("safetensors").display()
            );
            Err(Failure::usage(anyhow!(message)))
        }
    }
}

/// The metadata of weights, with what clips were looked at with.
pub(super) fn looked_at_with(
    weights: &Metadata,
    segments: usize,
    preprocess: Preprocess,
    sampling: Sampling,
) -> Metadata {
    Metadata {
        segments,
        preprocess,
        sampling: Some(sampling),
        assumed: Assumed::default(),
        ..weights.clone()
    }
}
