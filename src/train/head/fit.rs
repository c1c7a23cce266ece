//! Fitting one head.

use ndarray::{Array1, Array2};

use super::minimise::{Tolerance, minimise};
use super::objective::Objective;
use super::samples::{Balance, Samples};
use super::scaling::Scaling;

/// The largest slope that is left when a fit ends. The loss is then within about 1e-9 of the optimum, relatively.
const EXACT: f64 = 1e-8;
/// Most steps of a fit.
const MOST_STEPS: usize = 2000;

/// A linear layer for features as the network makes them.
#[derive(Debug, Clone)]
pub struct Head {
    /// `[classes, features]`.
    pub weight: Array2<f64>,
    /// `[classes]`.
    pub bias: Array1<f64>,
}

/// Samples that are ready to be fitted to.
pub(super) struct Prepared {
    scaling: Scaling,
    features: Array2<f64>,
    classes: Vec<usize>,
    class_count: usize,
    shares: Vec<f64>,
}

impl Prepared {
    pub(super) fn new(samples: &Samples, balance: Balance) -> Self {
        let scaling = Scaling::of(samples.features.view());
        Self {
            features: scaling.apply(samples.features.view()),
            scaling,
            classes: samples.classes.clone(),
            class_count: samples.class_count,
            shares: samples.shares(balance),
        }
    }

    fn objective(&self, penalty: f64) -> Objective<'_> {
        Objective {
            features: self.features.view(),
            classes: &self.classes,
            shares: &self.shares,
            class_count: self.class_count,
            penalty,
        }
    }

    /// The point where every score is the same.
    pub(super) fn origin(&self) -> Array1<f64> {
        Array1::zeros(self.objective(0.0).len())
    }

    /// The best point under `penalty`, searched from `start`.
    pub(super) fn minimum(&self, penalty: f64, start: Array1<f64>, gradient: f64) -> Array1<f64> {
        let objective = self.objective(penalty);
        let tolerance = Tolerance {
            gradient,
            steps: MOST_STEPS,
        };
        minimise(start, tolerance, |point| {
            objective.value_and_gradient(point)
        })
    }

    /// The head of a point.
    pub(super) fn head(&self, point: &Array1<f64>) -> Head {
        let (weight, bias) = self.objective(0.0).split(point.view());
        let (weight, bias) = self.scaling.fold(weight, &bias.to_owned());
        Head { weight, bias }
    }

    /// The loss of a point on other samples of the same classes.
    pub(super) fn loss_on(&self, point: &Array1<f64>, samples: &Samples, balance: Balance) -> f64 {
        let features = self.scaling.apply(samples.features.view());
        let objective = Objective {
            features: features.view(),
            classes: &samples.classes,
            shares: &samples.shares(balance),
            class_count: self.class_count,
            penalty: 0.0,
        };
        objective.loss(point)
    }
}

/// Fits a head to `samples`: the minimum of the mean loss plus half of `penalty` times the squared norm of the weights on
/// features of mean 0 and deviation 1. In scikit-learn's words, `C = 1 / (penalty * samples)`.
pub fn fit(samples: &Samples, balance: Balance, penalty: f64) -> Head {
    let prepared = Prepared::new(samples, balance);
    let minimum = prepared.minimum(penalty, prepared.origin(), EXACT);
    prepared.head(&minimum)
}

impl Head {
    /// `[samples, classes]`.
    pub fn logits(&self, features: &Array2<f64>) -> Array2<f64> {
        features.dot(&self.weight.t()) + &self.bias
    }
}
