//! From samples to a head: the penalty, how good it is, and the head itself.

use super::head::{Balance, Head, Samples, Tried, choose_penalty, fit};
use super::split::Split;
use super::validation::cross_validate;

/// Samples that are held back to find the penalty, and to judge by.
#[derive(Debug, Clone)]
pub enum HeldBack {
    /// Every sample in turn; in the end the head is fitted to all of them.
    InTurn(Vec<Split>),
    /// Some, which the head is never fitted to.
    Kept(Split),
}

/// A head that was fitted, and how it came about.
#[derive(Debug, Clone)]
pub struct FittedHead {
    /// The head.
    pub head: Head,
    /// The penalty of its weights.
    pub penalty: f64,
    /// What was tried to find the penalty; nothing where it was given.
    pub tried: Vec<Tried>,
    /// The place of each sample that was held back, and its scores under a head that was fitted without it.
    pub judged: Vec<(usize, Result<Vec<f32>, String>)>,
    /// The places of the samples that the head is fitted to.
    pub fitted: Vec<usize>,
}

/// Fits a head to `samples`. Without a `penalty` it is the one with the smallest loss on the samples that are held back.
///
/// The penalty is chosen by the same samples that the head is judged by: of eleven candidates, so that the judgement is
/// hardly better for it.
pub fn fit_head(
    samples: &Samples,
    held_back: &HeldBack,
    balance: Balance,
    penalty: Option<f64>,
) -> FittedHead {
    let splits = match held_back {
        HeldBack::InTurn(splits) => &splits[..],
        HeldBack::Kept(split) => std::slice::from_ref(split),
    };
    let (tried, penalty) = match penalty {
        Some(penalty) => (Vec::new(), penalty),
        None => {
            let (tried, best) = choose_penalty(samples, splits, balance);
            let penalty = tried[best].penalty;
            (tried, penalty)
        }
    };
    let fitted = match held_back {
        HeldBack::InTurn(_) => (0..samples.len()).collect(),
        HeldBack::Kept(split) => split.fitted.clone(),
    };
    FittedHead {
        head: fit(&samples.select(&fitted), balance, penalty),
        judged: cross_validate(samples, splits, balance, penalty),
        penalty,
        tried,
        fitted,
    }
}
