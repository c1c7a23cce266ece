//! Which penalty is best on samples that were held back.

use rayon::prelude::*;

use super::fit::Prepared;
use super::samples::{Balance, Samples};
use crate::train::split::Split;

/// The penalties that are tried, from strong to weak.
pub const PENALTIES: [f64; 11] = [3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5];
/// The largest slope that is left when a penalty is only tried.
const ROUGH: f64 = 1e-5;
/// Penalties with a larger loss than the best after which weaker ones are not tried any more.
const PATIENCE: usize = 2;

/// What became of a penalty.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Tried {
    /// The penalty.
    pub penalty: f64,
    /// The mean loss on the samples that were held back.
    pub loss: f64,
}

/// Tries [`PENALTIES`] on every part that is held back in turn; returns all losses, averaged over the samples of all parts,
/// and the place of the smallest.
pub fn choose_penalty(samples: &Samples, parts: &[Split], balance: Balance) -> (Vec<Tried>, usize) {
    let losses: Vec<Vec<f64>> = parts
        .par_iter()
        .map(|part| losses(samples, part, balance))
        .collect();
    let judged: usize = parts.iter().map(|part| part.judged.len()).sum();
    let tried = losses.iter().map(Vec::len).min().unwrap_or_default();
    let loss = |place: usize| {
        let weighted = losses.iter().zip(parts);
        let sum: f64 = weighted
            .map(|(losses, part)| losses[place] * part.judged.len() as f64)
            .sum();
        sum / judged as f64
    };
    let tried: Vec<Tried> = (0..tried)
        .map(|place| Tried {
            penalty: PENALTIES[place],
            loss: loss(place),
        })
        .collect();
    let best = (0..tried.len())
        .min_by(|&a, &b| tried[a].loss.total_cmp(&tried[b].loss))
        .unwrap_or_default();
    (tried, best)
}

/// The loss under each penalty, until weaker ones only make it larger.
fn losses(samples: &Samples, part: &Split, balance: Balance) -> Vec<f64> {
    let prepared = Prepared::new(&samples.select(&part.fitted), balance);
    let judged = samples.select(&part.judged);
    let mut point = prepared.origin();
    let mut losses: Vec<f64> = Vec::new();
    let mut best = 0;
    for penalty in PENALTIES {
        point = prepared.minimum(penalty, point, ROUGH);
        losses.push(prepared.loss_on(&point, &judged, balance));
        let last = losses.len() - 1;
        if losses[last] < losses[best] {
            best = last;
        } else if last - best >= PATIENCE {
            break;
        }
    }
    losses
}
