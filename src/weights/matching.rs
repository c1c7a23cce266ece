//! Which tensor of a checkpoint is which tensor of the model, and what does not fit.

use std::collections::HashSet;

use super::checkpoint::Entry;
use super::names::{NameMap, Rename, clean, rename, tail};
use super::tensor::{Dtype, TensorSpec, convertible};

/// More classes than any video data set has; a stride-0 tensor can claim any number.
const MAX_CLASSES: usize = 100_000;

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
}

/// The outcome of comparing a set of tensors with the model. Numbers are positions in the model's
/// list (`wanted`) and in the checkpoint's entries (`entry`).
#[derive(Debug, Clone, Default)]
pub(super) struct Match {
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
    /// Number of classes in the checkpoint's classifier.
    pub classes: Option<usize>,
}

impl Match {
    /// Whether every tensor of the model has exactly one fitting counterpart and nothing is left.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
            && self.unexpected.is_empty()
            && self.misfits.is_empty()
            && self.collisions.is_empty()
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
    entries: &[Entry],
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

/// Why `entry` cannot be `wanted`, if it cannot.
fn misfit(wanted: &TensorSpec, entry: &Entry) -> Option<Misfit> {
    let fits = if wanted.is_counter() {
        // PyTorch before 0.4.1 had no zero-dimensional tensors.
        entry.shape.is_empty() || entry.shape == [1]
    } else if is_head(wanted) {
        entry.shape.len() == wanted.shape.len()
            && entry.shape.get(1..) == wanted.shape.get(1..)
            && (1..=MAX_CLASSES).contains(&entry.shape[0])
    } else {
        entry.shape == wanted.shape
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
/// do not agree.
fn settle_classes(spec: &[TensorSpec], entries: &[Entry], out: &mut Match) {
    let heads: Vec<(usize, usize)> = out
        .matched
        .iter()
        .copied()
        .filter(|&(wanted, _)| is_head(&spec[wanted]))
        .collect();
    out.classes = heads.first().map(|&(_, entry)| entries[entry].shape[0]);
    for &(wanted, entry) in heads.iter().skip(1) {
        if Some(entries[entry].shape[0]) != out.classes {
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
pub(super) fn compared_name(name: &str, rules: &[Rename]) -> String {
    clean(&rename(name, rules))
}
