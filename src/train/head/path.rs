//! Which penalty is best on samples that were held back.

use ndarray::Array1;
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

/// Tries [`PENALTIES`] on every part that is held back in turn, until weaker ones only make the loss larger; returns the mean
/// losses over the samples of all parts, and the place of the smallest.
pub fn choose_penalty(samples: &Samples, parts: &[Split], balance: Balance) -> (Vec<Tried>, usize) {
    let mut parts: Vec<Part> = parts
        .par_iter()
        .map(|split| Part::new(samples, split, balance))
        .collect();
    let judged: usize = parts.iter().map(|part| part.judged.len()).sum();
    let mut tried: Vec<Tried> = Vec::new();
    let mut best = 0;
    for penalty in PENALTIES {
        let losses: Vec<f64> = parts
            .par_iter_mut()
            .map(|part| part.loss(penalty, balance) * part.judged.len() as f64)
            .collect();
        let loss = losses.iter().sum::<f64>() / judged as f64;
        tried.push(Tried { penalty, loss });
        let last = tried.len() - 1;
        if loss < tried[best].loss {
            best = last;
        } else if last - best >= PATIENCE {
            break;
        }
    }
    (tried, best)
}

/// A part that is held back, and where the fit to the others stands.
struct Part {
    fitted: Prepared,
    judged: Samples,
    point: Array1<f64>,
}

impl Part {
    fn new(samples: &Samples, split: &Split, balance: Balance) -> Self {
        let fitted = Prepared::new(&samples.select(&split.fitted), balance);
        Self {
            point: fitted.origin(),
            judged: samples.select(&split.judged),
            fitted,
        }
    }

    /// Fits under `penalty`, from where the last fit ended, and judges.
    fn loss(&mut self, penalty: f64, balance: Balance) -> f64 {
        let start = std::mem::take(&mut self.point);
        self.point = self.fitted.minimum(penalty, start, ROUGH);
        self.fitted.loss_on(&self.point, &self.judged, balance)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::random::Draws;
    use crate::train::split::{Group, folds};

    #[test]
    fn the_penalty_is_the_best_of_all_parts_together() {
        // One feature that tells the class most of the time among five that tell nothing.
        let mut draws = Draws::new(4, &[]);
        let classes: Vec<usize> = (0..90).map(|sample| sample % 3).collect();
        let mut features = Array2::from_shape_simple_fn((90, 6), || draws.unit() - 0.5);
        for (mut row, &class) in features.rows_mut().into_iter().zip(&classes) {
            row[0] += 0.4 * class as f64;
        }
        let samples = Samples {
            features,
            classes: classes.clone(),
            class_count: 3,
        };
        let groups: Vec<Group> = classes
            .iter()
            .map(|&class| Group { class, name: None })
            .collect();
        let parts = folds(&groups, 5, 0);
        let (tried, best) = choose_penalty(&samples, &parts, Balance::Samples);
        assert!(
            tried
                .iter()
                .all(|tried_one| tried_one.loss >= tried[best].loss)
        );
        assert!((1..tried.len()).contains(&best) && best + 1 + PATIENCE >= tried.len());
        // Each loss is that of fits from the start, whatever came before.
        let fresh = |penalty: f64| {
            let of = |split: &Split| {
                let mut part = Part::new(&samples, split, Balance::Samples);
                part.loss(penalty, Balance::Samples) * split.judged.len() as f64
            };
            parts.iter().map(of).sum::<f64>() / 90.0
        };
        let difference = fresh(tried[best].penalty) - tried[best].loss;
        assert!(difference.abs() < 1e-5, "{difference}");
    }
}
