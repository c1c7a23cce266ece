//! Features of mean 0 and deviation 1.

use ndarray::{Array1, Array2, ArrayView2, Axis};

/// The mean and the standard deviation of each feature.
#[derive(Debug, Clone)]
pub(super) struct Scaling {
    mean: Array1<f64>,
    deviation: Array1<f64>,
}

impl Scaling {
    /// Those of `features`, `[samples, features]`. A feature that never changes keeps its size.
    pub(super) fn of(features: ArrayView2<f64>) -> Self {
        let count = features.nrows().max(1) as f64;
        let mean = features.sum_axis(Axis(0)) / count;
        let mut squares = Array1::<f64>::zeros(features.ncols());
        for row in features.rows() {
            let centred = &row - &mean;
            squares += &(&centred * &centred);
        }
        let deviation = squares.mapv(|sum| match (sum / count).sqrt() {
            0.0 => 1.0,
            deviation => deviation,
        });
        Self { mean, deviation }
    }

    /// The features with mean 0 and deviation 1.
    pub(super) fn apply(&self, features: ArrayView2<f64>) -> Array2<f64> {
        (&features - &self.mean) / &self.deviation
    }

    /// The linear layer that does on features as they are what `weight` (`[classes, features]`) and `bias` do on scaled ones.
    pub(super) fn fold(
        &self,
        weight: ArrayView2<f64>,
        bias: &Array1<f64>,
    ) -> (Array2<f64>, Array1<f64>) {
        let weight = &weight / &self.deviation;
        let bias = bias - &weight.dot(&self.mean);
        (weight, bias)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn folding_gives_the_same_logits_on_features_as_they_are() {
        let features = array![[1.0, 10.0, 5.0], [3.0, 40.0, 5.0], [8.0, 20.0, 5.0]];
        let scaling = Scaling::of(features.view());
        let scaled = scaling.apply(features.view());
        assert!(scaled.sum_axis(Axis(0)).iter().all(|sum| sum.abs() < 1e-12));
        assert!((scaled.column(1).mapv(|v| v * v).sum() - 3.0).abs() < 1e-12);
        assert_eq!(scaled.column(2).to_vec(), [0.0; 3]);
        let (weight, bias) = (
            array![[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]],
            array![0.25, -7.0],
        );
        let wanted = scaled.dot(&weight.t()) + &bias;
        let (weight, bias) = scaling.fold(weight.view(), &bias);
        let found = features.dot(&weight.t()) + &bias;
        assert!(
            (found - wanted)
                .iter()
                .all(|difference| difference.abs() < 1e-12)
        );
    }
}
