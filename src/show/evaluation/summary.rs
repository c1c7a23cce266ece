use std::collections::BTreeMap;

use serde::Serialize;

use crate::recognise::ClipName;
use crate::recognise::evaluation::Evaluation;
use crate::show::ending::Ending;

/// How ranks are counted, for every output.
pub const RANK_RULE: &str = "the rank of a class is 1, and 1 more for every class with a higher score and for every class \
    of lower index with an equal one; NaN is wrong; shares are of the answered clips";

/// How many clips were left out, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Nothing says what they show.
    pub unlabelled: usize,
    /// Their label is no class of the network.
    pub unknown_class: usize,
}

/// An evaluation with what there is to say about it.
#[derive(Debug)]
pub struct Summary<'a> {
    /// The counts.
    pub evaluation: &'a Evaluation,
    /// The name of each class.
    pub labels: &'a [String],
    /// The k of top-k, beside 1.
    pub topk: usize,
    /// The score from which answers are confident, where one was asked for.
    pub min_score: Option<f32>,
    /// Clips that were left out.
    pub left_out: LeftOut,
    /// Clips that could not be used, with their errors.
    pub failures: &'a [(ClipName, String)],
    /// Answers that the network gave in this run, and the seconds they took.
    pub speed: Option<(usize, f64)>,
    /// Weights and settings by name.
    pub settings: &'a BTreeMap<String, String>,
    /// Whether all clips were looked at.
    pub ending: Ending,
}

impl Summary<'_> {
    /// The k of the shares that are shown.
    pub fn ks(&self) -> Vec<usize> {
        match self.topk.min(self.evaluation.classes()) {
            0 | 1 => vec![1],
            k => vec![1, k],
        }
    }

    /// Those that say something: among as many as there are classes every answer is right.
    pub fn telling_ks(&self) -> Vec<usize> {
        let mut ks = self.ks();
        ks.retain(|&k| k == 1 || k < self.evaluation.classes());
        ks
    }
}
