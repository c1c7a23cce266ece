//! From clips to a head: the penalty, how good it is, and the head itself.

use super::featured::Featured;
use super::head::{Balance, Head, Tried, choose_penalty, fit};
use super::split::Split;
use super::validation::cross_validate;

/// Clips that are held back to find the penalty, and to judge by.
#[derive(Debug, Clone)]
pub enum HeldBack {
    /// Every clip in turn; in the end the head is fitted to all of them.
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
    /// The place of each clip that was held back, and its scores under a head that was fitted without it.
    pub judged: Vec<(usize, Result<Vec<f32>, String>)>,
    /// The places of the clips that the head is fitted to.
    pub fitted: Vec<usize>,
}

/// Fits a head to `clips`. Without a `penalty` it is the one with the smallest loss on the clips that are held back.
///
/// The penalty is chosen by the same clips that the head is judged by: of at most eleven candidates, so that the judgement is
/// hardly better for it.
pub fn fit_head(
    clips: &Featured,
    class_count: usize,
    held_back: &HeldBack,
    balance: Balance,
    penalty: Option<f64>,
) -> FittedHead {
    let (samples, rows) = clips.samples(class_count);
    let splits = match held_back {
        HeldBack::InTurn(splits) => &splits[..],
        HeldBack::Kept(split) => std::slice::from_ref(split),
    };
    let splits: Vec<Split> = splits.iter().map(|split| rows.split(split)).collect();
    let (tried, penalty) = match penalty {
        Some(penalty) => (Vec::new(), penalty),
        None => {
            let (tried, best) = choose_penalty(&samples, &splits, balance);
            let penalty = tried[best].penalty;
            (tried, penalty)
        }
    };
    let fitted = match held_back {
        HeldBack::InTurn(_) => (0..clips.len()).collect(),
        HeldBack::Kept(split) => split.fitted.clone(),
    };
    let last = rows.split(&Split {
        fitted: fitted.clone(),
        judged: Vec::new(),
    });
    let judged = cross_validate(&samples, &splits, balance, penalty).into_iter();
    FittedHead {
        head: fit(&samples.select(&last.fitted), balance, penalty),
        judged: judged
            .map(|(sample, scores)| (rows.clip(sample), scores))
            .collect(),
        penalty,
        tried,
        fitted,
    }
}
