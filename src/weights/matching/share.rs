//! How much of the network a file has, by its parts.

use std::collections::HashSet;

use serde::Serialize;

use super::compare::Match;
use crate::weights::tensor::TensorSpec;

/// How much of a part of the network a file has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// The part, such as `eco_2d`.
    pub name: String,
    /// Its tensors that were found and fit.
    pub matched: usize,
    /// All its tensors.
    pub total: usize,
}

/// What was found of each module at the top of the network.
pub(super) fn parts(spec: &[TensorSpec], found: &Match) -> Vec<Share> {
    let mut parts: Vec<Share> = Vec::new();
    let taken = found.matched.iter().map(|&(wanted, _)| wanted);
    let taken: HashSet<usize> = taken.chain(found.counters.iter().copied()).collect();
    for (wanted, tensor) in spec.iter().enumerate() {
        let (name, _) = tensor.name.split_once('.').unwrap_or((&tensor.name, ""));
        if parts.last().is_none_or(|part| part.name != name) {
            parts.push(Share {
                name: name.to_string(),
                matched: 0,
                total: 0,
            });
        }
        if let Some(part) = parts.last_mut() {
            part.matched += usize::from(taken.contains(&wanted));
            part.total += 1;
        }
    }
    parts
}

/// What is taken and what is left, in words.
pub(super) fn words(parts: &[Share]) -> [Vec<String>; 2] {
    let (whole, rest): (Vec<&Share>, Vec<&Share>) =
        parts.iter().partition(|part| part.matched == part.total);
    let some = rest.iter().filter(|part| part.matched > 0);
    let taken = whole.iter().chain(some).map(|part| {
        let Share {
            name,
            matched,
            total,
        } = part;
        format!("{name} ({matched} of {total} tensors)")
    });
    let left = rest
        .iter()
        .map(|part| format!("{} ({} tensors)", part.name, part.total - part.matched));
    [taken.collect(), left.collect()]
}
