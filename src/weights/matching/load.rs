//! From a file to the tensors a model asks for by name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use super::compare::{Strictness, Verdict, is_head, squeezed};
use super::model::{Model, Models};
use super::names::Rename;
use super::report::MatchReport;
use super::report_text::ReportText;
use super::select::{SelectError, Selection, recognise, select};
use crate::recipe::Architecture;
use crate::weights::container::checkpoint::Checkpoint;
use crate::weights::container::detect::Container;
use crate::weights::container::structure::Scalar;
use crate::weights::error::{ErrorClass, WeightsError};
use crate::weights::metadata::Metadata;
use crate::weights::official::describe_caffe;
use crate::weights::tensor::{Dtype, RawTensor, TensorSpec, is_counter};

/// How to look for the weights in a file.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// The dictionary to use, as a dotted key; found by what fits when `None`.
    pub key: Option<String>,
    /// Renaming rules, applied to every name first.
    pub rename: Vec<Rename>,
    /// Whether everything must match.
    pub strictness: Strictness,
}

/// Why a file does not give the weights of a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// It does not say which of its dictionaries to use.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Its tensors are not those of the model. The report says all that differs.
    #[error("{}: {}\n{}", .0.file.display(), .0.outcome(), ReportText(.0))]
    Mismatch(Box<MatchReport>),
}

impl LoadError {
    /// The class of this error.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Weights(error) => error.class(),
            Self::Select(_) | Self::Mismatch(_) => ErrorClass::Mismatch,
        }
    }
}

/// Weights whose names and shapes were compared with the model's and found to fit.
pub struct Loaded {
    checkpoint: Checkpoint,
    /// Shape of each of the model's tensors that is there, and its position in the checkpoint; `None` for a counter that is
    /// filled in.
    slots: HashMap<String, (Vec<usize>, Option<usize>)>,
    metadata: Metadata,
    report: MatchReport,
    /// Every name in the file ends as the model's does.
    nested_as_the_model: bool,
}

/// Opens weights in any container for one of `models`: the one that the file says it is for, else the one whose tensors it
/// has.
///
/// Only the names and shapes are read: a safetensors file stays mapped, and [`Loaded::tensor`]
/// borrows from it. The classifier may have any number of classes; the file's is in
/// [`Loaded::classes`].
///
/// # Errors
/// [`LoadError::Mismatch`] with a full report when anything is missing, left over or of another
/// shape; [`LoadError::Select`] when several parts of the file fit; the errors of
/// [`Checkpoint::open`].
pub fn open(path: &Path, models: &Models) -> Result<Loaded, LoadError> {
    open_with(path, models, &LoadOptions::default())
}

/// As [`open`], with a key, renaming rules, or a partial match allowed.
pub fn open_with(path: &Path, models: &Models, options: &LoadOptions) -> Result<Loaded, LoadError> {
    let Examined {
        checkpoint,
        model,
        selection,
        report,
    } = examine(path, models, options, Dtype::F32)?;
    if report.verdict == Verdict::Mismatch {
        return Err(LoadError::Mismatch(Box::new(report)));
    }
    Loaded::new(checkpoint, model, &selection, report)
}

/// The network of which a file has all tensors, whatever else it has.
pub fn network_in(checkpoint: &Checkpoint) -> Option<Architecture> {
    let models = Models::every().ok()?;
    let model = recognise(checkpoint, &models, None, &[]);
    let selection = select(checkpoint, &model.tensors, None, &[]).ok()?;
    let is_complete = selection.outcome.fills_the_model();
    is_complete.then_some(model.architecture)
}

/// A file that was compared with a model.
pub(in crate::weights) struct Examined<'m> {
    pub checkpoint: Checkpoint,
    /// The network that it was compared with.
    pub model: &'m Model,
    pub selection: Selection,
    pub report: MatchReport,
}

/// Compares a file with the model and reports, whatever the outcome.
pub(in crate::weights) fn examine<'m>(
    path: &Path,
    models: &'m Models,
    options: &LoadOptions,
    float: Dtype,
) -> Result<Examined<'m>, LoadError> {
    let LoadOptions {
        key,
        rename,
        strictness,
    } = options;
    let checkpoint = Checkpoint::open(path)?;
    let told = Metadata::from_map(checkpoint.metadata())?.map(|metadata| metadata.architecture);
    let model = models
        .iter()
        .find(|model| Some(model.architecture) == told)
        .unwrap_or_else(|| recognise(&checkpoint, models, key.as_deref(), rename));
    let mut selection = select(&checkpoint, &model.tensors, key.as_deref(), rename)?;
    if *strictness == Strictness::Partial {
        selection
            .outcome
            .shorten(&model.tensors, checkpoint.tensors());
    }
    let report = MatchReport::new(&checkpoint, model, &selection, rename, *strictness, float);
    Ok(Examined {
        checkpoint,
        model,
        selection,
        report,
    })
}

impl Loaded {
    pub(in crate::weights) fn new(
        checkpoint: Checkpoint,
        model: &Model,
        selection: &Selection,
        report: MatchReport,
    ) -> Result<Self, LoadError> {
        let (spec, found) = (&model.tensors, &selection.outcome);
        let slot = |&(wanted, tensor): &(usize, Option<usize>)| {
            let TensorSpec { name, shape } = &spec[wanted];
            let shape = match tensor {
                // The file decides the number of classes.
                Some(tensor) if is_head(&spec[wanted]) => {
                    squeezed(&checkpoint.tensors()[tensor].shape, shape.len())
                }
                _ => shape.clone(),
            };
            (name.clone(), (shape, tensor))
        };
        let matched = found
            .matched
            .iter()
            .map(|&(wanted, tensor)| (wanted, Some(tensor)));
        let filled = found.counters.iter().map(|&wanted| (wanted, None));
        let slots: HashMap<_, _> = matched.chain(filled).map(|pair| slot(&pair)).collect();
        let mut metadata = described(&checkpoint, &report)?;
        let names = spec.iter().map(|spec| &spec.name);
        let missing = names.filter(|name| !slots.contains_key(*name));
        metadata.missing = missing.cloned().collect();
        let mut matched = found.matched.iter();
        let nested_as_the_model = matched.all(|&(wanted, tensor)| {
            checkpoint.tensors()[tensor]
                .name
                .ends_with(&spec[wanted].name)
        });
        Ok(Self {
            nested_as_the_model,
            checkpoint,
            slots,
            metadata,
            report,
        })
    }

    /// What the weights say about themselves. For a file that `eco` did not write, what can be
    /// told from its content, and defaults.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Classes of the classifier; `None` only for a partial match without one.
    pub fn classes(&self) -> Option<usize> {
        self.report.classes
    }

    /// Whether these are weights of the book's notebook as its readers save them: a state_dict with the notebook's names and
    /// without a word about its training.
    pub(in crate::weights) fn is_of_the_notebook(&self) -> bool {
        let Metadata {
            epoch,
            arch,
            eco_version,
            ..
        } = &self.metadata;
        // The book has no ECO-Full.
        let is_in_the_book = self.metadata.architecture == Architecture::Lite;
        let is_bare = epoch.is_none() && arch.is_none() && eco_version.is_none();
        self.nested_as_the_model && is_in_the_book && is_bare
    }

    /// What comparing the file with the model found.
    pub fn report(&self) -> &MatchReport {
        &self.report
    }

    /// Whether the weights hold the model's tensor `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.slots.contains_key(name)
    }

    /// Element type of the model's tensor `name` in the file; `None` for what the file does not hold.
    pub fn file_dtype(&self, name: &str) -> Option<Dtype> {
        let (_, tensor) = self.slots.get(name)?;
        Some(self.checkpoint.tensors().get((*tensor)?)?.dtype)
    }

    /// The model's tensor `name` as float32, counters as 64-bit integers.
    ///
    /// Borrowed from the mapped file when that holds float32; otherwise read and converted.
    ///
    /// # Errors
    /// [`WeightsError::NoSuchTensor`]; [`WeightsError::Unreadable`] when its bytes are damaged.
    pub fn tensor(&self, name: &str) -> Result<RawTensor<'_>, WeightsError> {
        let to = if is_counter(name) {
            Dtype::I64
        } else {
            Dtype::F32
        };
        self.tensor_as(name, to)
    }

    /// Lets the system drop the pages of the file that were read. They are read again when needed.
    pub fn release_pages(&self) {
        self.checkpoint.release_pages();
    }

    pub(in crate::weights) fn tensor_as(
        &self,
        name: &str,
        to: Dtype,
    ) -> Result<RawTensor<'_>, WeightsError> {
        let missing = || WeightsError::NoSuchTensor(name.to_string());
        let (shape, tensor) = self.slots.get(name).ok_or_else(missing)?;
        let Some(tensor) = tensor else {
            return Ok(RawTensor {
                dtype: Dtype::I64,
                shape: shape.clone(),
                data: Cow::Owned(vec![0; 8]),
            });
        };
        let tensor = self.checkpoint.read(*tensor)?;
        if to == Dtype::F16
            && let Some(value) = tensor.beyond_half()
        {
            let name = name.to_string();
            return Err(WeightsError::BeyondHalf { name, value });
        }
        let tensor = tensor.convert(to).ok_or_else(missing)?;
        Ok(tensor.first_inputs(shape))
    }
}

/// The file's own metadata, completed with what its content says.
fn described(checkpoint: &Checkpoint, report: &MatchReport) -> Result<Metadata, WeightsError> {
    let own = Metadata::from_map(checkpoint.metadata())?;
    let foreign = own.is_none();
    let mut metadata = own.unwrap_or_default();
    // The names of a classifier that is not taken.
    if report.verdict == Verdict::Partial && report.classes.is_none() {
        metadata.labels = None;
    }
    if metadata
        .labels
        .as_ref()
        .is_some_and(|labels| Some(labels.len()) != report.classes)
    {
        return Err(WeightsError::Metadata(format!(
            "{} labels for {} classes",
            metadata.labels.map_or(0, |l| l.len()),
            report
                .classes
                .map_or("unknown".to_string(), |c| c.to_string())
        )));
    }
    metadata.architecture = report.architecture;
    metadata.classes = report.classes;
    if foreign {
        let name = checkpoint.path().file_name();
        metadata.source_file = name.map(|n| n.to_string_lossy().into_owned());
        match checkpoint.container() {
            Container::Caffe => describe_caffe(&mut metadata)?,
            _ => training_facts(checkpoint, &mut metadata),
        }
    }
    Ok(metadata)
}

/// Takes `epoch`, `arch` and the best accuracy from beside the weights.
fn training_facts(checkpoint: &Checkpoint, metadata: &mut Metadata) {
    let structure = checkpoint.structure();
    let number = |key: &str| match structure.scalar(key) {
        Some(Scalar::Int(v)) => Some(*v as f64),
        Some(Scalar::Float(v)) => Some(*v),
        Some(Scalar::Text(_)) => None,
        None => single_value(checkpoint, key),
    };
    metadata.epoch = number("epoch").map(|v| v as i64);
    metadata.best_prec1 = ["best_prec1", "best_acc1"]
        .iter()
        .find_map(|key| number(key));
    if let Some(Scalar::Text(arch)) = structure.scalar("arch") {
        metadata.arch = Some(arch.chars().take(200).collect());
    }
}

/// A number saved as a tensor with one element.
fn single_value(checkpoint: &Checkpoint, key: &str) -> Option<f64> {
    let index = checkpoint
        .tensors()
        .iter()
        .position(|e| e.name == key && e.numel() == 1)?;
    let tensor = checkpoint.read(index).ok()?;
    tensor.values()?.next()
}
