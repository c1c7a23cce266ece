//! How good a head is on clips that it was not fitted to.

use ndarray::Array2;

use super::head::{Balance, Head, Samples, fit};
use super::split::Split;
use crate::recognise::Scores;

/// The scores of `[samples, features]` under `head`, as `eco classify` would give them; an error where they are no numbers.
fn judge(head: &Head, features: &Array2<f64>) -> Vec<Result<Vec<f32>, String>> {
    let logits = head.logits(features);
    let scores = logits.rows().into_iter().map(|logits| {
        let logits: Vec<f32> = logits.iter().map(|&logit| logit as f32).collect();
        match Scores::from_logits(&logits) {
            Ok(scores) => Ok(scores.scores()),
            Err(error) => Err(error.to_string()),
        }
    });
    scores.collect()
}

/// The place and the scores of every sample that is judged, under the head that was fitted without it.
pub(super) fn cross_validate(
    samples: &Samples,
    parts: &[Split],
    balance: Balance,
    penalty: f64,
) -> Vec<(usize, Result<Vec<f32>, String>)> {
    let judged = parts.iter().flat_map(|part| {
        let head = fit(&samples.select(&part.fitted), balance, penalty);
        let scores = judge(&head, &samples.select(&part.judged).features);
        part.judged.iter().copied().zip(scores)
    });
    judged.collect()
}
