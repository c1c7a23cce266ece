//! Which tensor of a checkpoint is which tensor of the model, and what does not fit.

use std::collections::HashSet;

use super::names::{NameMap, Rename, clean, rename, tail};
use crate::weights::tensor::{Dtype, TensorInfo, TensorSpec, convertible};

/// More classes than any video data set has; a stride-0 tensor can claim any number.
const MAX_CLASSES: usize = 100_000;

/// Whether a difference between checkpoint and model is an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strictness {
    /// Every tensor must match.
    #[default]
    Strict,
    /// Tensors that fit are loaded, the rest is reported.
    Partial,
}

/// Whether the weights can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every tensor of the model was found and fits.
    Complete,
    /// Some tensors are missing or do not fit, and that was allowed.
    Partial,
    /// Something differs, and nothing was written.
    Mismatch,
}

/// Why a tensor with the right name cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misfit {
    /// The shapes differ.
    Shape,
    /// The element type holds no weights that could be converted.
    Dtype,
    /// The classifier's weight and bias disagree about the number of classes.
    Classes,
    /// It is the classifier's bias, and the weight does not fit.
    Weight,
}

/// The outcome of comparing a set of tensors with the model. Numbers are positions in the model's
/// list (`wanted`) and in the checkpoint's entries (`entry`).
#[derive(Debug, Clone, Default)]
pub(in crate::weights) struct Match {
    /// (wanted, entry) pairs that fit.
    pub matched: Vec<(usize, usize)>,
    /// Wanted tensors without a counterpart, counters excepted.
    pub missing: Vec<usize>,
    /// Step counters without a counterpart, of layers that have the rest; they are set to zero, as PyTorch does.
    pub counters: Vec<usize>,
    /// Entries without a counterpart.
    pub unexpected: Vec<usize>,
    /// (wanted, entry, why) pairs that have the same name and do not fit.
    pub misfits: Vec<(usize, usize, Misfit)>,
    /// Wanted tensors for which several entries have a claim.
    pub collisions: Vec<(usize, Vec<usize>)>,
    /// Wanted tensors of `matched` that are the first input channels of their counterparts.
    pub shortened: Vec<usize>,
    /// Number of classes in the checkpoint's classifier.
    pub classes: Option<usize>,
}

impl Match {
    /// Whether every tensor of the model has exactly one fitting counterpart.
    pub(crate) fn fills_the_model(&self) -> bool {
        self.missing.is_empty() && self.misfits.is_empty() && self.collisions.is_empty()
    }

    /// Whether the model is filled and nothing is left over.
    pub(crate) fn is_complete(&self) -> bool {
        self.fills_the_model() && self.unexpected.is_empty()
    }

    /// Takes the first layer of the 3D net out of a C3D-ResNet18 file, which has 128 input channels there: the first 96, as
    /// the authors did to begin the training of ECO (mzolfaghari/ECO-pytorch @ b175e7c, `main.py`).
    pub(crate) fn shorten(&mut self, spec: &[TensorSpec], entries: &[TensorInfo]) {
        let is_longer = |wanted: usize, entry: usize| {
            tail(&spec[wanted].name) == "res3a_2.weight"
                && spec[wanted].shape == [128, 96, 3, 3, 3]
                && entries[entry].shape == [128, 128, 3, 3, 3]
        };
        let (longer, misfits) = std::mem::take(&mut self.misfits)
            .into_iter()
            .partition::<Vec<_>, _>(|&(wanted, entry, why)| {
                why == Misfit::Shape && is_longer(wanted, entry)
            });
        self.misfits = misfits;
        for (wanted, entry, _) in longer {
            self.shortened.push(wanted);
            self.matched.push((wanted, entry));
        }
        self.matched.sort_unstable();
    }

    /// What this means for the use of the weights.
    pub(crate) fn verdict(&self, strictness: Strictness) -> Verdict {
        match strictness {
            _ if self.is_complete() => Verdict::Complete,
            Strictness::Strict => Verdict::Mismatch,
            Strictness::Partial if self.fills_the_model() => Verdict::Complete,
            Strictness::Partial if self.collisions.is_empty() && !self.matched.is_empty() => {
                Verdict::Partial
            }
            Strictness::Partial => Verdict::Mismatch,
        }
    }
}

/// Whether `wanted` belongs to the classifier, whose first extent is the class count.
pub(super) fn is_head(wanted: &TensorSpec) -> bool {
    matches!(tail(&wanted.name), "fc_final.weight" | "fc_final.bias")
}

/// Compares `members` of `entries`, under the names given with them, with the model.
pub(super) fn compare(
    spec: &[TensorSpec],
    map: &NameMap,
    entries: &[TensorInfo],
    members: &[(usize, String)],
    rules: &[Rename],
) -> Match {
    let mut claims: Vec<Vec<usize>> = vec![Vec::new(); spec.len()];
    let mut out = Match::default();
    for (entry, name) in members {
        match map.find(&rename(name, rules)) {
            Some(wanted) => claims[wanted].push(*entry),
            None => out.unexpected.push(*entry),
        }
    }
    for (wanted, claim) in claims.into_iter().enumerate() {
        match claim.as_slice() {
            [] if spec[wanted].is_counter() => out.counters.push(wanted),
            [] => out.missing.push(wanted),
            &[entry] => match misfit(&spec[wanted], &entries[entry]) {
                None => out.matched.push((wanted, entry)),
                Some(why) => out.misfits.push((wanted, entry, why)),
            },
            _ => out.collisions.push((wanted, claim)),
        }
    }
    settle_classes(spec, entries, &mut out);
    settle_counters(spec, &mut out);
    out
}

/// `shape` without axes of one place, where that leaves it `rank` axes or more. Batch norms of some other programs keep such
/// axes.
pub(in crate::weights) fn squeezed(shape: &[usize], rank: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    while shape.len() > rank
        && let Some(axis) = shape.iter().position(|&extent| extent == 1)
    {
        shape.remove(axis);
    }
    shape
}

/// Why `entry` cannot be `wanted`, if it cannot.
fn misfit(wanted: &TensorSpec, entry: &TensorInfo) -> Option<Misfit> {
    // PyTorch before 0.4.1 had no zero-dimensional tensors, so that counters have one axis. Of the others only those with
    // one axis are forgiven more of them: a linear layer is no convolution.
    let shape = match wanted.shape.len() {
        0 | 1 => squeezed(&entry.shape, wanted.shape.len()),
        _ => entry.shape.clone(),
    };
    let fits = if is_head(wanted) {
        shape.len() == wanted.shape.len()
            && shape.get(1..) == wanted.shape.get(1..)
            && (1..=MAX_CLASSES).contains(&shape[0])
    } else {
        shape == wanted.shape
    };
    let target = if wanted.is_counter() {
        Dtype::I64
    } else {
        Dtype::F32
    };
    match (fits, convertible(entry.dtype, target)) {
        (false, _) => Some(Misfit::Shape),
        (true, false) => Some(Misfit::Dtype),
        (true, true) => None,
    }
}

/// Reads the class count off the classifier, and moves its bias to the misfits when weight and bias
/// do not agree, or the weight is not there.
fn settle_classes(spec: &[TensorSpec], entries: &[TensorInfo], out: &mut Match) {
    let heads: Vec<(usize, usize)> = out
        .matched
        .iter()
        .copied()
        .filter(|&(wanted, _)| is_head(&spec[wanted]))
        .collect();
    let classes = |&(wanted, entry): &(usize, usize)| {
        squeezed(&entries[entry].shape, spec[wanted].shape.len())[0]
    };
    if let [(wanted, entry)] = heads[..]
        && spec[wanted].shape.len() == 1
    {
        out.matched.retain(|&pair| pair != (wanted, entry));
        out.misfits.push((wanted, entry, Misfit::Weight));
        return;
    }
    out.classes = heads.first().map(classes);
    for &(wanted, entry) in heads.iter().skip(1) {
        if Some(classes(&(wanted, entry))) != out.classes {
            out.matched.retain(|&pair| pair != (wanted, entry));
            out.misfits.push((wanted, entry, Misfit::Classes));
        }
    }
}

/// Moves the counters of layers that the checkpoint does not have to what is missing.
fn settle_counters(spec: &[TensorSpec], out: &mut Match) {
    let layer = |wanted: usize| spec[wanted].name.rsplit_once('.').map(|(layer, _)| layer);
    let present: HashSet<Option<&str>> = out.matched.iter().map(|&(w, _)| layer(w)).collect();
    let (filled, missing) = std::mem::take(&mut out.counters)
        .into_iter()
        .partition(|&wanted| present.contains(&layer(wanted)));
    out.counters = filled;
    out.missing.extend::<Vec<usize>>(missing);
    out.missing.sort_unstable();
}

/// The name under which an entry is compared, for reports.
pub(in crate::weights) fn compared_name(name: &str, rules: &[Rename]) -> String {
    clean(&rename(name, rules))
}
