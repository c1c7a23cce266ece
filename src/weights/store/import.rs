//! Importing a checkpoint: compare, read, convert, check the values, write.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::imported_file::sha256;
use super::write::write;
use crate::recipe::{KINETICS_CLASSES, Preprocess, Sampling};
use crate::weights::error::WeightsError;
use crate::weights::labels::{self, LabelSource};
use crate::weights::matching::compare::Verdict;
use crate::weights::matching::hints::Hint;
use crate::weights::matching::load::{Examined, LoadError, LoadOptions, Loaded, examine};
use crate::weights::matching::model::Models;
use crate::weights::matching::report::{MatchReport, NonFinite};
use crate::weights::metadata::Metadata;
use crate::weights::tensor::Dtype;

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
    /// How frames were sampled in training; what the file says when `None`.
    pub sampling: Option<Sampling>,
    /// Frames per clip in training; what the file says, or 16, when `None`.
    pub segments: Option<usize>,
    /// How the weights are stored.
    pub precision: Precision,
}

/// A checkpoint that was compared with the model.
pub struct Import {
    report: MatchReport,
    metadata: Metadata,
    /// What to write; `None` for a mismatch.
    found: Option<Found>,
}

/// Weights that fit the model.
struct Found {
    loaded: Loaded,
    /// The tensors of the model that are there, in its order, with the element types that they are written in.
    plan: Vec<(String, Dtype)>,
}

impl Import {
    /// Compares `path` with the one of `models` that it is for, as [`open`](crate::weights::open) does, and looks at all values if it fits. Writes nothing.
    ///
    /// A mismatch is no error here: it is the verdict of [`Import::report`].
    ///
    /// # Errors
    /// The errors of [`open`](crate::weights::open) other than a mismatch, and [`WeightsError::Labels`].
    pub fn prepare(
        path: &Path,
        models: &Models,
        options: &ImportOptions,
    ) -> Result<Self, LoadError> {
        let float = options.precision.dtype();
        let Examined {
            checkpoint,
            model,
            selection,
            report,
        } = examine(path, models, &options.load, float)?;
        if report.verdict == Verdict::Mismatch {
            return Ok(Self {
                report,
                metadata: Metadata::default(),
                found: None,
            });
        }
        let loaded = Loaded::new(checkpoint, model, &selection, report)?;
        let metadata = complete(loaded.metadata().clone(), options)?;
        let wanted = model
            .tensors
            .iter()
            .filter(|wanted| loaded.contains(&wanted.name));
        let plan: Vec<(String, Dtype)> = wanted
            .map(|wanted| {
                let to = if wanted.is_counter() {
                    Dtype::I64
                } else {
                    float
                };
                (wanted.name.clone(), to)
            })
            .collect();
        let (non_finite, hash) = rayon::join(
            || non_finite(&loaded, &plan),
            || sha256(path).map_err(|e| WeightsError::read(path, e)),
        );
        let mut report = loaded.report().clone();
        report.non_finite = non_finite?;
        report.facts = metadata.facts().to_vec();
        // Weights of another network, of which a part is taken, are not the notebook's.
        let is_of_another =
            |hint: &Hint| matches!(hint, Hint::OtherNetwork { .. } | Hint::StartingPoint(_));
        let is_of_another = report.hints.iter().any(is_of_another);
        if loaded.is_of_the_notebook() && !is_of_another && metadata.assumed.preprocess {
            report.hints.push(Hint::Notebook);
        }
        report.hints.extend(label_lists(&metadata));
        let hash = hash?;
        // A file that was imported before keeps the name and the hash of what it came from.
        let source_sha256 = metadata.source_sha256.clone().or(Some(hash));
        Ok(Self {
            report,
            metadata: Metadata {
                source_sha256,
                ..metadata
            },
            found: Some(Found { loaded, plan }),
        })
    }

    /// What was found.
    pub fn report(&self) -> &MatchReport {
        &self.report
    }

    /// What the written file will say about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Writes the weights to `path`, whole or not at all, and notes that in the report.
    ///
    /// # Errors
    /// [`LoadError::Mismatch`] when they do not fit; [`WeightsError::Write`].
    pub fn write(&mut self, path: &Path) -> Result<(), LoadError> {
        let Some(Found { loaded, plan }) = &self.found else {
            return Err(LoadError::Mismatch(Box::new(self.report.clone())));
        };
        let tensor =
            |(name, to): &(String, Dtype)| Ok((name.clone(), loaded.tensor_as(name, *to)?));
        let tensors = plan
            .par_iter()
            .map(tensor)
            .collect::<Result<Vec<_>, WeightsError>>()?;
        write(path, &tensors, &self.metadata.to_map())?;
        self.report.written = Some(PathBuf::from(path));
        Ok(())
    }

    /// Marks the report as one of a dry run.
    pub fn into_dry_run(mut self) -> MatchReport {
        self.report.dry_run = true;
        self.report
    }
}

/// Adds what the user said to what the file says.
fn complete(metadata: Metadata, options: &ImportOptions) -> Result<Metadata, WeightsError> {
    let mut assumed = metadata.assumed;
    let labels = match (&options.labels, metadata.classes) {
        (Some(source), classes) => {
            assumed.labels = false;
            Some(source.read(classes)?)
        }
        // No other data set that ECO is used with has 400 classes.
        (None, Some(KINETICS_CLASSES)) if metadata.labels.is_none() => {
            assumed.labels = true;
            Some(LabelSource::kinetics400().read(Some(KINETICS_CLASSES))?)
        }
        (None, _) => metadata.labels.clone(),
    };
    assumed.preprocess &= options.preprocess.is_none();
    assumed.segments &= options.segments.is_none();
    let name = |path: &String| {
        Path::new(path)
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
    };
    Ok(Metadata {
        labels,
        assumed,
        preprocess: options.preprocess.unwrap_or(metadata.preprocess),
        sampling: options.sampling.or(metadata.sampling),
        segments: options.segments.unwrap_or(metadata.segments),
        source_file: metadata.source_file.as_ref().and_then(name),
        eco_version: Some(env!("CARGO_PKG_VERSION").to_string()),
        ..metadata
    })
}

/// Offers built-in lists for a classifier that has their size and no names.
fn label_lists(metadata: &Metadata) -> Option<Hint> {
    let classes = metadata.classes.filter(|_| metadata.labels.is_none())?;
    let lists = labels::built_in_with(classes);
    (!lists.is_empty()).then_some(Hint::Labels { classes, lists })
}

/// Counts, for each tensor, the values that are no numbers as they will be written: a number may be too large for 16 bits.
fn non_finite(loaded: &Loaded, plan: &[(String, Dtype)]) -> Result<Vec<NonFinite>, WeightsError> {
    let counted = plan.par_iter().map(|(name, to)| {
        let tensor = loaded.tensor_as(name, *to)?;
        Ok(NonFinite {
            name: name.clone(),
            values: tensor.non_finite(),
            of: tensor.numel(),
        })
    });
    let counted: Vec<NonFinite> = counted.collect::<Result<_, WeightsError>>()?;
    Ok(counted
        .into_iter()
        .filter(|counted| counted.values > 0)
        .collect())
}
