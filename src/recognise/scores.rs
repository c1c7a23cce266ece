//! Softmax scores, averages over views, and the best k classes.

use super::{Class, Labels};

/// Why logits give no scores.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScoreError {
    /// There was nothing to average: no classes or no views.
    #[error("the network gave no logits")]
    Empty,
    /// The views of one clip have different numbers of classes.
    #[error("the views of one clip have {found} and {expected} classes")]
    Classes {
        /// Classes of the first view.
        expected: usize,
        /// Classes of the view that differs.
        found: usize,
    },
    /// Some logits are NaN or infinite, so there is no meaningful ranking.
    #[error(
        "{count} of {classes} logits are not finite numbers (class {first} is {value}): the weights or the pixels are damaged"
    )]
    NotFinite {
        /// Logits that are NaN or infinite.
        count: usize,
        /// All logits looked at.
        classes: usize,
        /// The first class with such a logit.
        first: usize,
        /// Its value.
        value: f32,
    },
}

/// Softmax scores of one clip with the logits they come from. Every value is finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// In f64, where classes whose f32 score is zero still differ.
    scores: Vec<f64>,
    logits: Vec<f32>,
}

impl Scores {
    /// Scores of one view from its logits `[classes]`.
    ///
    /// # Errors
    /// [`ScoreError::Empty`] without classes; [`ScoreError::NotFinite`] when a logit is NaN or infinite.
    pub fn from_logits(logits: &[f32]) -> Result<Self, ScoreError> {
        Self::from_views([logits])
    }

    /// Scores of a clip seen in several views (temporal offsets, crops): the mean of the views' softmax scores. The
    /// logits are the views' mean logits; with more than one view the scores are not exactly their softmax.
    ///
    /// # Errors
    /// [`ScoreError::Empty`] without views or classes; [`ScoreError::Classes`] when views differ in length;
    /// [`ScoreError::NotFinite`] when a logit of any view is NaN or infinite.
    pub fn from_views<'a>(views: impl IntoIterator<Item = &'a [f32]>) -> Result<Self, ScoreError> {
        let mut scores: Vec<f64> = Vec::new();
        let mut logits: Vec<f64> = Vec::new();
        let mut count = 0usize;
        for view in views {
            check(view)?;
            if count == 0 {
                scores.resize(view.len(), 0.0);
                logits.resize(view.len(), 0.0);
            } else if view.len() != scores.len() {
                return Err(ScoreError::Classes {
                    expected: scores.len(),
                    found: view.len(),
                });
            }
            add_softmax(view, &mut scores);
            logits
                .iter_mut()
                .zip(view)
                .for_each(|(sum, &logit)| *sum += f64::from(logit));
            count += 1;
        }
        if count == 0 {
            return Err(ScoreError::Empty);
        }
        let views = count as f64;
        Ok(Self {
            scores: scores.into_iter().map(|sum| sum / views).collect(),
            logits: logits.into_iter().map(|sum| (sum / views) as f32).collect(),
        })
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.logits.len()
    }

    /// Logits `[classes]`; the mean over the views.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// Softmax scores `[classes]`, each in 0..=1, together 1.
    pub fn scores(&self) -> Vec<f32> {
        self.scores.iter().map(|&score| score as f32).collect()
    }

    /// The same before they are rounded.
    pub fn probabilities(&self) -> &[f64] {
        &self.scores
    }

    /// Indices of the `k` best classes, best first; all classes when there are fewer than `k`. Equal scores are ordered
    /// by logit, then by class index.
    pub fn ranking(&self, k: usize) -> Vec<usize> {
        let better = |&a: &usize, &b: &usize| {
            self.scores[b]
                .total_cmp(&self.scores[a])
                .then(self.logits[b].total_cmp(&self.logits[a]))
                .then(a.cmp(&b))
        };
        let mut order: Vec<usize> = (0..self.classes()).collect();
        let k = k.min(order.len());
        if k > 0 && k < order.len() {
            order.select_nth_unstable_by(k - 1, better);
        }
        order.truncate(k);
        order.sort_unstable_by(better);
        order
    }

    /// The `k` best classes with their labels, ordered as [`Scores::ranking`] does.
    pub fn top(&self, k: usize, labels: &Labels) -> Vec<Class> {
        let class = |index: usize| Class {
            index,
            label: labels.get(index).into_owned(),
            score: self.scores[index] as f32,
            logit: self.logits[index],
        };
        self.ranking(k).into_iter().map(class).collect()
    }
}

/// Adds the softmax of `logits` to `sums`; subtracting the maximum keeps the exponentials in range.
fn add_softmax(logits: &[f32], sums: &mut [f64]) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> = logits
        .iter()
        .map(|&logit| (f64::from(logit) - f64::from(max)).exp())
        .collect();
    let total: f64 = exponentials.iter().sum();
    sums.iter_mut()
        .zip(exponentials)
        .for_each(|(sum, exponential)| *sum += exponential / total);
}

fn check(logits: &[f32]) -> Result<(), ScoreError> {
    if logits.is_empty() {
        return Err(ScoreError::Empty);
    }
    let Some(first) = logits.iter().position(|logit| !logit.is_finite()) else {
        return Ok(());
    };
    Err(ScoreError::NotFinite {
        count: logits.iter().filter(|logit| !logit.is_finite()).count(),
        classes: logits.len(),
        first,
        value: logits[first],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores are computed in f64 and rounded once to f32.
    const F32_ROUNDING: f32 = 1e-7;

    #[test]
    fn scores_are_the_softmax_of_the_logits() {
        let scores = Scores::from_logits(&[1.0, 2.0, 3.0]).unwrap().scores();
        for (score, expected) in scores
            .iter()
            .zip([0.090_030_57, 0.244_728_47, 0.665_240_96])
        {
            assert!(
                (score - expected).abs() < F32_ROUNDING,
                "{score} is not {expected}"
            );
        }
    }

    #[test]
    fn huge_logits_neither_overflow_nor_vanish() {
        let scores = Scores::from_logits(&[3.0e38, 3.0e38, -3.0e38])
            .unwrap()
            .scores();
        assert_eq!(scores, [0.5, 0.5, 0.0]);
    }

    #[test]
    fn top_k_larger_than_the_class_count_is_clamped() {
        let scores = Scores::from_logits(&[0.0, 1.0]).unwrap();
        assert_eq!(scores.ranking(5), [1, 0]);
        assert_eq!(scores.ranking(0), [] as [usize; 0]);
    }

    #[test]
    fn equal_scores_are_ordered_by_class_index() {
        let scores = Scores::from_logits(&[1.0, 2.0, 1.0, 2.0, 2.0]).unwrap();
        assert_eq!(scores.ranking(4), [1, 3, 4, 0]);
        assert_eq!(scores.ranking(2), [1, 3]);
    }

    #[test]
    fn scores_too_small_for_f32_keep_the_order_of_their_logits() {
        let scores = Scores::from_logits(&[-2000.0, 0.0, -1000.0, -900.0]).unwrap();
        assert_eq!(scores.ranking(4), [1, 3, 2, 0]);
    }

    #[test]
    fn a_partial_ranking_is_the_start_of_the_whole_one() {
        let logits: Vec<f32> = (0..400).map(|i| ((i * 7919) % 400) as f32 / 40.0).collect();
        let scores = Scores::from_logits(&logits).unwrap();
        assert_eq!(scores.ranking(5), scores.ranking(400)[..5]);
    }

    #[test]
    fn nan_and_infinite_logits_are_reported_and_never_sorted() {
        let error = Scores::from_logits(&[0.0, f32::NAN, f32::INFINITY]).unwrap_err();
        let ScoreError::NotFinite {
            count: 2,
            classes: 3,
            first: 1,
            value,
        } = error
        else {
            panic!("{error:?}");
        };
        assert!(value.is_nan());
    }

    #[test]
    fn views_are_averaged_as_scores_not_as_logits() {
        let views: [&[f32]; 2] = [&[10.0, 0.0], &[0.0, 0.0]];
        let scores = Scores::from_views(views).unwrap();
        let first = 1.0 / (1.0 + (-10f64).exp());
        assert!((f64::from(scores.scores()[0]) - (first + 0.5) / 2.0).abs() < 1e-7);
        assert_eq!(scores.logits(), [5.0, 0.0]);
    }

    #[test]
    fn views_of_different_heads_are_refused() {
        let views: [&[f32]; 2] = [&[1.0, 0.0], &[0.0]];
        let error = Scores::from_views(views).unwrap_err();
        assert_eq!(
            error,
            ScoreError::Classes {
                expected: 2,
                found: 1
            }
        );
        assert_eq!(Scores::from_views([]).unwrap_err(), ScoreError::Empty);
    }
}
