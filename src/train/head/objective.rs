//! The loss of a head, and its gradient.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use rayon::prelude::*;

/// Parts of the samples that are summed by themselves. Their number is fixed, so that the sums are the same for any number of
/// threads.
const PARTS: usize = 16;
/// Samples whose logits are computed together: they stay in the cache.
const ROWS: usize = 64;

/// Multinomial logistic regression: `sum(share * -log p(class)) + penalty / 2 * |weight|^2`.
///
/// A point is `[classes * features]` weights, class by class, then one bias per class.
pub(super) struct Objective<'a> {
    /// `[samples, features]`.
    pub features: ArrayView2<'a, f64>,
    /// The class of each sample.
    pub classes: &'a [usize],
    /// The share of each sample in the loss.
    pub shares: &'a [f64],
    /// How many classes there are.
    pub class_count: usize,
    /// How much large weights cost.
    pub penalty: f64,
}

impl Objective<'_> {
    /// Values of a point.
    pub(super) fn len(&self) -> usize {
        self.class_count * (self.features.ncols() + 1)
    }

    /// The weights and the biases of a point.
    pub(super) fn split<'p>(
        &self,
        point: ArrayView1<'p, f64>,
    ) -> (ArrayView2<'p, f64>, ArrayView1<'p, f64>) {
        let (weight, bias) = point.split_at(Axis(0), self.class_count * self.features.ncols());
        let shape = (self.class_count, self.features.ncols());
        let weight = weight.into_shape_with_order(shape);
        (weight.expect("a point is contiguous"), bias)
    }

    /// The value at `point`, and its gradient.
    pub(super) fn value_and_gradient(&self, point: &Array1<f64>) -> (f64, Array1<f64>) {
        let (weight, bias) = self.split(point.view());
        let part = self.classes.len().div_ceil(PARTS).max(1);
        let parts: Vec<(f64, Array1<f64>)> = (0..self.classes.len().div_ceil(part))
            .into_par_iter()
            .map(|number| {
                let begin = number * part;
                self.part(weight, bias, begin, (begin + part).min(self.classes.len()))
            })
            .collect();
        let mut gradient = Array1::zeros(self.len());
        let mut value = 0.0;
        for (part_value, part_gradient) in parts {
            value += part_value;
            gradient += &part_gradient;
        }
        let weights = weight.len();
        let weights_of = |all: &Array1<f64>| all.slice(s![..weights]).to_owned();
        let flat = weights_of(point);
        value += self.penalty / 2.0 * flat.dot(&flat);
        gradient
            .slice_mut(s![..weights])
            .scaled_add(self.penalty, &flat);
        (value, gradient)
    }

    /// The loss alone, without the penalty.
    pub(super) fn loss(&self, point: &Array1<f64>) -> f64 {
        let (weight, bias) = self.split(point.view());
        let rows = self.features.axis_chunks_iter(Axis(0), ROWS);
        let mut loss = 0.0;
        for (block, features) in rows.enumerate() {
            let mut logits = logits(features, weight, bias);
            for (row, mut logits) in logits.rows_mut().into_iter().enumerate() {
                let sample = block * ROWS + row;
                let class = self.classes[sample];
                let logit = logits[class];
                loss += self.shares[sample] * (into_scores(&mut logits) - logit);
            }
        }
        loss
    }

    /// The samples from `begin` to `end`.
    fn part(
        &self,
        weight: ArrayView2<f64>,
        bias: ArrayView1<f64>,
        begin: usize,
        end: usize,
    ) -> (f64, Array1<f64>) {
        let mut gradient = Array1::<f64>::zeros(self.len());
        let (by_weight, mut by_bias) = gradient.view_mut().split_at(Axis(0), weight.len());
        let by_weight = by_weight.into_shape_with_order(weight.dim());
        let mut by_weight = by_weight.expect("a point is contiguous");
        let mut value = 0.0;
        for begin in (begin..end).step_by(ROWS) {
            let end = (begin + ROWS).min(end);
            let features = self.features.slice(s![begin..end, ..]);
            let mut residuals = logits(features, weight, bias);
            for (row, mut scores) in residuals.rows_mut().into_iter().enumerate() {
                let (class, share) = (self.classes[begin + row], self.shares[begin + row]);
                let logit = scores[class];
                value += share * (into_scores(&mut scores) - logit);
                scores[class] -= 1.0;
                scores *= share;
            }
            general_mat_mul(1.0, &residuals.t(), &features, 1.0, &mut by_weight);
            by_bias += &residuals.sum_axis(Axis(0));
        }
        (value, gradient)
    }
}

/// `[samples, classes]`.
fn logits(
    features: ArrayView2<f64>,
    weight: ArrayView2<f64>,
    bias: ArrayView1<f64>,
) -> Array2<f64> {
    let mut logits = Array2::zeros((features.nrows(), weight.nrows()));
    general_mat_mul(1.0, &features, &weight.t(), 0.0, &mut logits);
    logits + bias
}

/// Turns the logits of a sample into scores; returns the logarithm of the sum of their exponentials.
fn into_scores(logits: &mut ndarray::ArrayViewMut1<f64>) -> f64 {
    let most = logits.fold(f64::NEG_INFINITY, |most, &logit| most.max(logit));
    logits.mapv_inplace(|logit| (logit - most).exp());
    let sum = logits.sum();
    *logits /= sum;
    most + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Draws;

    #[test]
    fn the_gradient_is_the_slope_of_the_value() {
        let mut draws = Draws::new(1, &[]);
        let mut random =
            |shape: (usize, usize)| Array2::from_shape_simple_fn(shape, || draws.unit() - 0.5);
        let features = random((150, 3));
        let point = random((1, 4 * 4)).into_shape_with_order(16).unwrap();
        let classes: Vec<usize> = (0..150).map(|sample| sample % 4).collect();
        let shares: Vec<f64> = (0..150)
            .map(|sample| (1.0 + (sample % 3) as f64) / 300.0)
            .collect();
        let objective = Objective {
            features: features.view(),
            classes: &classes,
            shares: &shares,
            class_count: 4,
            penalty: 0.3,
        };
        let (value, gradient) = objective.value_and_gradient(&point);
        let weights = point.slice(s![..12]);
        let expected = objective.loss(&point) + 0.15 * weights.dot(&weights);
        assert!((value - expected).abs() < 1e-12);
        for place in 0..16 {
            let moved = |by: f64| {
                let mut point = point.clone();
                point[place] += by;
                objective.value_and_gradient(&point).0
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!(
                (slope - gradient[place]).abs() < 1e-8,
                "{place}: {slope} {}",
                gradient[place]
            );
        }
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let mut logits = ndarray::array![1000.0, 0.0];
        assert_eq!(into_scores(&mut logits.view_mut()), 1000.0);
        assert_eq!(logits.to_vec(), [1.0, 0.0]);
    }
}
