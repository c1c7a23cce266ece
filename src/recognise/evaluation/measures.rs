use serde::Serialize;

use super::interval::Interval;

/// A share of counted clips.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// Clips that count.
    pub count: u64,
    /// Clips looked at.
    pub of: u64,
    /// `count / of`, 0 to 1; `None` where there is nothing to divide by.
    pub share: Option<f64>,
    /// Where the true share lies with 95 % confidence.
    pub interval: Option<Interval>,
}

impl Share {
    pub(super) fn new(count: u64, of: u64) -> Self {
        Self {
            count,
            of,
            share: ratio(count, of),
            interval: Interval::wilson(count, of),
        }
    }
}

pub(super) fn ratio(count: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| count as f64 / of as f64)
}

/// How well one class is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassMeasures {
    /// The share of the answers with this class that are right; 0 without such answers.
    pub precision: f64,
    /// The share of the class's clips that are recognised; 0 without clips.
    pub recall: f64,
    /// The harmonic mean of the two; 0 when both are.
    pub f1: f64,
    /// Clips of this class that have an answer.
    pub support: u64,
    /// Answers with this class.
    pub predicted: u64,
}

/// Two classes, and how often the first is taken for the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// The true class.
    pub truth: usize,
    /// The class of the answers.
    pub predicted: usize,
    /// Clips.
    pub count: u64,
}
