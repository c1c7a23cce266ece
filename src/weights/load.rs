//! From a file to the tensors a model asks for by name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use super::checkpoint::Checkpoint;
use super::error::WeightsError;
use super::metadata::Metadata;
use super::names::Rename;
use super::report::{Report, Strictness, Verdict};
use super::select::{Selection, select};
use super::structure::Scalar;
use super::tensor::{Dtype, RawTensor, TensorSpec, is_counter};

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

/// Weights whose names and shapes were compared with the model's and found to fit.
pub struct Loaded {
    checkpoint: Checkpoint,
    /// Entry of the checkpoint by the model's name; `None` for a counter that is filled in.
    slots: HashMap<String, Option<usize>>,
    metadata: Metadata,
    report: Report,
}

/// Opens weights in any container for a model with the state_dict `spec`.
///
/// Only the names and shapes are read: a safetensors file stays mapped, and [`Loaded::tensor`]
/// borrows from it. The classifier in `spec` may have any number of classes; the file's is in
/// [`Loaded::classes`].
///
/// # Errors
/// [`WeightsError::Mismatch`] with a full report when anything is missing, left over or of another
/// shape; [`WeightsError::Ambiguous`] when several parts of the file fit; the errors of
/// [`Checkpoint::open`].
pub fn open(path: &Path, spec: &[TensorSpec]) -> Result<Loaded, WeightsError> {
    open_with(path, spec, &LoadOptions::default())
}

/// As [`open`], with a key, renaming rules, or a partial match allowed.
pub fn open_with(
    path: &Path,
    spec: &[TensorSpec],
    options: &LoadOptions,
) -> Result<Loaded, WeightsError> {
    let (checkpoint, selection, report) = examine(path, spec, options, Dtype::F32)?;
    if report.verdict == Verdict::Mismatch {
        return Err(WeightsError::Mismatch(Box::new(report)));
    }
    Loaded::new(checkpoint, spec, &selection, report)
}

/// Compares a file with the model and reports, whatever the outcome.
pub(super) fn examine(
    path: &Path,
    spec: &[TensorSpec],
    options: &LoadOptions,
    float: Dtype,
) -> Result<(Checkpoint, Selection, Report), WeightsError> {
    let checkpoint = Checkpoint::open(path)?;
    let selection = select(&checkpoint, spec, options.key.as_deref(), &options.rename)?;
    let report = Report::new(
        &checkpoint,
        spec,
        &selection,
        &options.rename,
        options.strictness,
        float,
    );
    Ok((checkpoint, selection, report))
}

impl Loaded {
    pub(super) fn new(
        checkpoint: Checkpoint,
        spec: &[TensorSpec],
        selection: &Selection,
        report: Report,
    ) -> Result<Self, WeightsError> {
        let found = &selection.outcome;
        let matched = found
            .matched
            .iter()
            .map(|&(w, entry)| (spec[w].name.clone(), Some(entry)));
        let filled = found.counters.iter().map(|&w| (spec[w].name.clone(), None));
        let slots = matched.chain(filled).collect();
        let metadata = described(&checkpoint, &report)?;
        Ok(Self {
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

    /// What comparing the file with the model found.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Whether the weights hold the model's tensor `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.slots.contains_key(name)
    }

    /// Element type of the model's tensor `name` in the file; `None` for what the file does not hold.
    pub fn file_dtype(&self, name: &str) -> Option<Dtype> {
        let entry = (*self.slots.get(name)?)?;
        Some(self.checkpoint.entries().get(entry)?.dtype)
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

    /// Gives the memory of a mapped file's pages that were read back to the system; they are read again when needed.
    pub fn release_pages(&self) {
        self.checkpoint.release_pages();
    }

    pub(super) fn tensor_as(&self, name: &str, to: Dtype) -> Result<RawTensor<'_>, WeightsError> {
        let missing = || WeightsError::NoSuchTensor(name.to_string());
        let Some(entry) = self.slots.get(name).ok_or_else(missing)? else {
            let zero = vec![0; 8];
            return Ok(RawTensor {
                dtype: Dtype::I64,
                shape: vec![],
                data: Cow::Owned(zero),
            });
        };
        let mut tensor = self
            .checkpoint
            .read(*entry)?
            .convert(to)
            .ok_or_else(missing)?;
        if is_counter(name) {
            tensor.shape = vec![];
        }
        Ok(tensor)
    }
}

/// The file's own metadata, completed with what its content says.
fn described(checkpoint: &Checkpoint, report: &Report) -> Result<Metadata, WeightsError> {
    let own = Metadata::from_map(checkpoint.metadata())?;
    let foreign = own.is_none();
    let mut metadata = own.unwrap_or_default();
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
    metadata.classes = report.classes;
    metadata.missing = report.missing.iter().map(|m| m.name.clone()).collect();
    if foreign {
        let name = checkpoint.path().file_name();
        metadata.source_file = name.map(|n| n.to_string_lossy().into_owned());
        training_facts(checkpoint, &mut metadata);
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
        .entries()
        .iter()
        .position(|e| e.name == key && e.numel() == 1)?;
    let tensor = checkpoint.read(index).ok()?;
    tensor.values()?.next()
}
