//! What an import found, as data. [`super::report_text`] words it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::compare::{Misfit, Strictness, Verdict, compared_name, is_head};
use super::hints::{Hint, hints};
use super::model::Model;
use super::names::{Rename, is_ema};
use super::select::Selection;
use super::share::{Share, parts};
use crate::recipe::Architecture;
use crate::text::counted;
use crate::weights::container::checkpoint::Checkpoint;
use crate::weights::container::detect::Container;
use crate::weights::metadata::Fact;
use crate::weights::tensor::{Dtype, TensorSpec, convertible};

/// A tensor that one side lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Its name: the model's for a missing tensor, the checkpoint's for an unexpected one.
    pub name: String,
    /// Its shape there.
    pub shape: Vec<usize>,
}

/// A tensor with the right name that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatched {
    /// Its name in the model.
    pub name: String,
    /// Its name in the checkpoint.
    pub file_name: String,
    /// Its shape in the checkpoint.
    pub file_shape: Vec<usize>,
    /// The shape that the model needs.
    pub model_shape: Vec<usize>,
    /// Its element type in the checkpoint.
    pub file_dtype: Dtype,
    /// What does not fit.
    pub why: Misfit,
}

/// A tensor with more input channels than the model's, of which the first are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shortened {
    /// Its name in the model.
    pub name: String,
    /// Its shape in the checkpoint.
    pub file_shape: Vec<usize>,
    /// The shape that is taken.
    pub model_shape: Vec<usize>,
}

/// Several tensors of the checkpoint that would become one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Collision {
    /// The name in the model.
    pub name: String,
    /// Their names in the checkpoint.
    pub file_names: Vec<String>,
}

/// Element types that were converted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Converted {
    /// Type in the checkpoint.
    pub from: Dtype,
    /// Type in the result.
    pub to: Dtype,
    /// Number of tensors.
    pub tensors: usize,
}

/// Something in the file that was left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// Its key.
    pub key: String,
    /// What it is.
    pub what: String,
}

/// A tensor with values that are NaN or infinite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NonFinite {
    /// Its name in the model.
    pub name: String,
    /// How many of its values.
    pub values: usize,
    /// Out of how many.
    pub of: usize,
}

/// Everything that comparing a checkpoint with the model found.
#[derive(Debug, Clone, Serialize)]
pub struct MatchReport {
    /// Whether the weights can be used.
    pub verdict: Verdict,
    /// The network that the file was compared with.
    pub architecture: Architecture,
    /// The checkpoint.
    #[serde(serialize_with = "lossy")]
    pub file: PathBuf,
    /// Its container.
    pub container: Container,
    /// The dictionary that was used; empty for the top level.
    pub key: String,
    /// Tensors of the model that were found and fit, filled-in counters included.
    pub matched: usize,
    /// Tensors of the model.
    pub total: usize,
    /// The same, by the parts of the network.
    pub parts: Vec<Share>,
    /// Tensors in the checkpoint, whatever they are.
    pub file_tensors: usize,
    /// Classes of the checkpoint's classifier.
    pub classes: Option<usize>,
    /// Classes of the model it was compared with.
    pub model_classes: Option<usize>,
    /// Batch norm step counters that the file lacks; they are set to zero.
    pub counters_filled: usize,
    /// Tensors that lose axes of one place.
    pub squeezed: usize,
    /// Tensors of which the first input channels are taken.
    pub shortened: Vec<Shortened>,
    /// Element types converted.
    pub converted: Vec<Converted>,
    /// What is known and what is assumed about the use of the weights. Filled in by an import.
    pub facts: Vec<Fact>,
    /// What the file holds beside the weights.
    pub ignored: Vec<Ignored>,
    /// Tensors of the model that the checkpoint lacks.
    pub missing: Vec<Named>,
    /// Tensors of the checkpoint that the model lacks.
    pub unexpected: Vec<Named>,
    /// Tensors with the right name that do not fit.
    pub mismatched: Vec<Mismatched>,
    /// Names that collide after cleaning.
    pub collisions: Vec<Collision>,
    /// Tensors with values that are no numbers. Filled in once the values are read.
    pub non_finite: Vec<NonFinite>,
    /// Functions the file names that would run code if Python loaded it. They are not called here.
    pub suspicious: Vec<String>,
    /// What may explain the differences, and what to try.
    pub hints: Vec<Hint>,
    /// Where the result was written.
    #[serde(serialize_with = "lossy_option")]
    pub written: Option<PathBuf>,
    /// Set when the file was reported on only.
    pub dry_run: bool,
}

impl MatchReport {
    /// Words the outcome of a comparison.
    pub(super) fn new(
        checkpoint: &Checkpoint,
        model: &Model,
        selection: &Selection,
        rules: &[Rename],
        strictness: Strictness,
        float: Dtype,
    ) -> Self {
        let architecture = model.architecture;
        let (spec, entries) = (&model.tensors, checkpoint.tensors());
        let found = &selection.outcome;
        let lacking = |&wanted: &usize| Named {
            name: spec[wanted].name.clone(),
            shape: spec[wanted].shape.clone(),
        };
        let file = |&entry: &usize| Named {
            name: entries[entry].name.clone(),
            shape: entries[entry].shape.clone(),
        };
        let mismatched = found
            .misfits
            .iter()
            .map(|&(wanted, entry, why)| Mismatched {
                name: spec[wanted].name.clone(),
                file_name: entries[entry].name.clone(),
                file_shape: entries[entry].shape.clone(),
                model_shape: spec[wanted].shape.clone(),
                file_dtype: entries[entry].dtype,
                why,
            });
        let collisions = found.collisions.iter().map(|(wanted, claims)| Collision {
            name: spec[*wanted].name.clone(),
            file_names: claims
                .iter()
                .map(|&entry| entries[entry].name.clone())
                .collect(),
        });
        let model_classes = spec.iter().find(|s| is_head(s)).map(|s| s.shape[0]);
        Self {
            verdict: found.verdict(strictness),
            architecture,
            file: checkpoint.path().to_path_buf(),
            container: checkpoint.container(),
            key: selection.key.clone(),
            matched: found.matched.len() + found.counters.len(),
            total: spec.len(),
            parts: parts(spec, found),
            file_tensors: entries.len(),
            classes: found.classes,
            model_classes,
            counters_filled: found.counters.len(),
            squeezed: found
                .matched
                .iter()
                .filter(|&&(wanted, entry)| {
                    !spec[wanted].is_counter()
                        && spec[wanted].shape.len() < entries[entry].shape.len()
                })
                .count(),
            shortened: found
                .matched
                .iter()
                .filter(|(wanted, _)| found.shortened.contains(wanted))
                .map(|&(wanted, entry)| Shortened {
                    name: spec[wanted].name.clone(),
                    file_shape: entries[entry].shape.clone(),
                    model_shape: spec[wanted].shape.clone(),
                })
                .collect(),
            facts: Vec::new(),
            converted: conversions(checkpoint, spec, selection, float),
            ignored: ignored(checkpoint, selection),
            missing: found.missing.iter().map(lacking).collect(),
            unexpected: found.unexpected.iter().map(file).collect(),
            mismatched: mismatched.collect(),
            collisions: collisions.collect(),
            non_finite: Vec::new(),
            suspicious: checkpoint.structure().suspicious().to_vec(),
            hints: hints(checkpoint, model, found, |name| {
                compared_name(below(name, &selection.key), rules)
            }),
            written: None,
            dry_run: false,
        }
    }
}

/// A path as JSON can hold it: bytes that are no text are replaced.
fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

fn lossy_option<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => lossy(path, serializer),
        None => serializer.serialize_none(),
    }
}

pub(in crate::weights) fn below<'n>(name: &'n str, key: &str) -> &'n str {
    name.strip_prefix(key)
        .map_or(name, |rest| rest.strip_prefix('.').unwrap_or(rest))
}

/// Counts the element types that change on the way into float32 (or `float`) and counters.
fn conversions(
    checkpoint: &Checkpoint,
    spec: &[TensorSpec],
    selection: &Selection,
    float: Dtype,
) -> Vec<Converted> {
    let mut counts: BTreeMap<(Dtype, Dtype), usize> = BTreeMap::new();
    for &(wanted, entry) in &selection.outcome.matched {
        let from = checkpoint.tensors()[entry].dtype;
        let to = if spec[wanted].is_counter() {
            Dtype::I64
        } else {
            float
        };
        if from != to && convertible(from, to) {
            *counts.entry((from, to)).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .map(|((from, to), tensors)| Converted { from, to, tensors })
        .collect()
}

/// What an ignored tensor is listed under: the dictionary it is in, or the start of its name where averages are kept flat
/// (`ema_backbone_conv1_weight`, as mmcv does).
fn together(name: &str) -> String {
    match (name.split_once('.'), name.split_once(['_', '-'])) {
        (Some((first, _)), _) => first.to_string(),
        (None, Some((word, _))) if is_ema(word) => format!("{word}_*"),
        (None, _) => name.to_string(),
    }
}

/// Lists what is beside the chosen dictionary, and the tensors in it that are no weights.
fn ignored(checkpoint: &Checkpoint, selection: &Selection) -> Vec<Ignored> {
    let chosen = |top: &str| {
        let rest = selection.key.strip_prefix(top);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let inside = |top: &str| {
        let rest = top.strip_prefix(selection.key.as_str());
        rest.is_some_and(|rest| rest.starts_with('.'))
    };
    let mut out: Vec<Ignored> = Vec::new();
    if !selection.key.is_empty() {
        let top = checkpoint.structure().top().iter();
        let beside = top.filter(|top| !chosen(&top.key) && !inside(&top.key));
        // Tensors that belong together stand where the first of them is.
        let mut groups: HashMap<String, (usize, usize)> = HashMap::new();
        for top in beside {
            let (key, what) = match top.what.as_str() {
                "tensor" => {
                    let group = together(&top.key);
                    let (place, tensors) = groups.entry(group.clone()).or_insert((out.len(), 0));
                    *tensors += 1;
                    if *tensors > 1 {
                        out[*place].what = in_tensors(*tensors);
                        continue;
                    }
                    (group, in_tensors(1))
                }
                what => (top.key.clone(), what.to_string()),
            };
            out.push(Ignored { key, what });
        }
    }
    let mut counts: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for &(entry, why) in &selection.ignored {
        let name = below(&checkpoint.tensors()[entry].name, &selection.key);
        *counts.entry((together(name), why)).or_default() += 1;
    }
    out.extend(counts.into_iter().map(|((key, why), tensors)| Ignored {
        key,
        what: format!("{why}, {}", in_tensors(tensors)),
    }));
    out
}

fn in_tensors(tensors: usize) -> String {
    counted(tensors, "tensor", "tensors")
}
