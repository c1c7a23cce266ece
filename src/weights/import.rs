//! Importing a checkpoint: compare, read, convert, check the values, write.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::error::WeightsError;
use super::labels::{self, LabelSource};
use super::load::{LoadOptions, Loaded, examine};
use super::metadata::Metadata;
use super::report::{NonFinite, Report, Verdict};
use super::tensor::{Dtype, RawTensor, TensorSpec};
use super::write::write;
use crate::recipe::Preprocess;

/// How weights are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits per value, as they are computed with.
    #[default]
    Single,
    /// 16 bits per value: half the size, converted back when loaded.
    Half,
}

impl Precision {
    fn dtype(self) -> Dtype {
        match self {
            Self::Single => Dtype::F32,
            Self::Half => Dtype::F16,
        }
    }
}

/// What an import does beyond finding the weights.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// How to look for the weights.
    pub load: LoadOptions,
    /// Class names; for 400 classes Kinetics-400 when `None`.
    pub labels: Option<LabelSource>,
    /// How frames were prepared in training; what the file says, or `official`, when `None`.
    pub preprocess: Option<Preprocess>,
    /// Frames per clip in training; what the file says, or 16, when `None`.
    pub segments: Option<usize>,
    /// How the weights are stored.
    pub precision: Precision,
}

/// A checkpoint that was compared with the model and, if it fits, read.
pub struct Import {
    report: Report,
    metadata: Metadata,
    tensors: Vec<(String, RawTensor<'static>)>,
}

impl Import {
    /// Compares `path` with `spec` and reads the tensors if it fits. Writes nothing.
    ///
    /// A mismatch is no error here: it is the verdict of [`Import::report`].
    ///
    /// # Errors
    /// The errors of [`super::open`] other than a mismatch, and [`WeightsError::Labels`].
    pub fn prepare(
        path: &Path,
        spec: &[TensorSpec],
        options: &ImportOptions,
    ) -> Result<Self, WeightsError> {
        let float = options.precision.dtype();
        let (checkpoint, selection, report) = examine(path, spec, &options.load, float)?;
        if report.verdict == Verdict::Mismatch {
            return Ok(Self {
                report,
                metadata: Metadata::default(),
                tensors: Vec::new(),
            });
        }
        let loaded = Loaded::new(checkpoint, spec, &selection, report)?;
        let metadata = complete(loaded.metadata().clone(), options)?;
        let (tensors, hash) = rayon::join(
            || read_all(&loaded, spec, float),
            || sha256(path).map_err(|e| WeightsError::read(path, e)),
        );
        let tensors = tensors?;
        let mut report = loaded.report().clone();
        report.non_finite = non_finite(&tensors);
        report.hints.extend(labels::hint(&metadata));
        let hash = hash?;
        // A file that was imported before keeps the name and the hash of what it came from.
        let source_sha256 = metadata.source_sha256.clone().or(Some(hash));
        Ok(Self {
            report,
            metadata: Metadata {
                source_sha256,
                ..metadata
            },
            tensors,
        })
    }

    /// What was found.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What the written file will say about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Writes the weights to `path`, whole or not at all, and notes that in the report.
    ///
    /// # Errors
    /// [`WeightsError::Mismatch`] when they do not fit; [`WeightsError::Write`].
    pub fn write(&mut self, path: &Path) -> Result<(), WeightsError> {
        if self.report.verdict == Verdict::Mismatch {
            return Err(WeightsError::Mismatch(Box::new(self.report.clone())));
        }
        write(path, &self.tensors, &self.metadata.to_map())?;
        self.report.written = Some(PathBuf::from(path));
        Ok(())
    }

    /// Marks the report as one of a dry run.
    pub fn into_dry_run(mut self) -> Report {
        self.report.dry_run = true;
        self.report
    }
}

/// Adds what the user said to what the file says.
fn complete(metadata: Metadata, options: &ImportOptions) -> Result<Metadata, WeightsError> {
    let labels = match (&options.labels, metadata.classes) {
        (Some(source), classes) => Some(source.read(classes)?),
        (None, Some(400)) if metadata.labels.is_none() => {
            Some(LabelSource::kinetics400().read(Some(400))?)
        }
        (None, _) => metadata.labels.clone(),
    };
    let name = |path: &String| {
        Path::new(path)
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
    };
    Ok(Metadata {
        labels,
        preprocess: options.preprocess.unwrap_or(metadata.preprocess),
        segments: options.segments.unwrap_or(metadata.segments),
        source_file: metadata.source_file.as_ref().and_then(name),
        eco_version: Some(env!("CARGO_PKG_VERSION").to_string()),
        ..metadata
    })
}

/// Reads and converts every tensor of the model that the file has, several at a time.
fn read_all(
    loaded: &Loaded,
    spec: &[TensorSpec],
    float: Dtype,
) -> Result<Vec<(String, RawTensor<'static>)>, WeightsError> {
    spec.par_iter()
        .filter(|wanted| loaded.contains(&wanted.name))
        .map(|wanted| {
            let to = if wanted.is_counter() {
                Dtype::I64
            } else {
                float
            };
            let tensor = loaded.tensor_as(&wanted.name, to)?;
            Ok((wanted.name.clone(), tensor.into_owned()))
        })
        .collect()
}

fn non_finite(tensors: &[(String, RawTensor<'_>)]) -> Vec<NonFinite> {
    tensors
        .par_iter()
        .filter_map(|(name, tensor)| {
            let values = tensor.non_finite();
            (values > 0).then(|| NonFinite {
                name: name.clone(),
                values,
                of: tensor.numel(),
            })
        })
        .collect()
}

/// SHA-256 of a file, in hexadecimal.
fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
