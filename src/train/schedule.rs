//! The learning rate of every step, and when a fit ends.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::recipe::{Recipe, Schedule};

/// A place in a fit, both counted from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The epoch.
    pub epoch: usize,
    /// The step within the epoch.
    pub step: usize,
}

/// What evaluations have shown so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// The best result so far.
    best: Option<f64>,
    /// Evaluations since then.
    since_best: usize,
    /// Evaluations that were no better since the learning rate was lowered, or since the best.
    stale: usize,
    /// How often the learning rate was lowered.
    lowered: i32,
}

impl Course {
    /// Takes in the result of an evaluation, larger for better, such as the accuracy. Returns whether it is the best so far.
    ///
    /// Source of the rule for plateaus: mzolfaghari/ECO-pytorch @ b175e7c, `main.py`.
    pub fn evaluated(&mut self, recipe: &Recipe, result: f64) -> bool {
        if self.best.is_none_or(|best| result > best) {
            (self.best, self.since_best, self.stale) = (Some(result), 0, 0);
            return true;
        }
        self.since_best += 1;
        self.stale += 1;
        if let Schedule::Plateau { patience, .. } = recipe.schedule
            && self.stale == patience
        {
            (self.stale, self.lowered) = (0, self.lowered + 1);
        }
        false
    }

    /// The best result so far.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// Whether the fit ends before its last epoch, because nothing got better for long.
    pub fn is_stuck(&self, recipe: &Recipe) -> bool {
        recipe
            .early_stop
            .is_some_and(|most| self.since_best >= most)
    }
}

/// The learning rate of a step, before the factors of parameter groups, where an epoch has `steps` steps.
pub fn learning_rate(recipe: &Recipe, course: &Course, at: Position, steps: usize) -> f64 {
    let share = match recipe.schedule {
        Schedule::Plateau { factor, .. } => factor.powi(course.lowered),
        Schedule::Cosine { warm_up } => {
            let all = (recipe.epochs * steps) as f64;
            let rise = (warm_up * steps as f64).round();
            let done = (at.epoch * steps + at.step) as f64;
            match done < rise {
                true => (done + 1.0) / rise,
                false => (1.0 + (PI * (done - rise) / (all - rise)).cos()) / 2.0,
            }
        }
    };
    recipe.learning_rate * share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Architecture;

    fn plateau(patience: usize) -> Recipe {
        Recipe {
            schedule: Schedule::Plateau {
                patience,
                factor: 0.1,
            },
            early_stop: Some(4),
            ..Recipe::official(Architecture::Lite)
        }
    }

    /// Learning rates before each evaluation and after the last.
    fn rates(recipe: &Recipe, results: &[f64]) -> Vec<f64> {
        let mut course = Course::default();
        let rate = |course: &Course| learning_rate(recipe, course, Position::default(), 10);
        let mut rates = vec![rate(&course)];
        for &result in results {
            course.evaluated(recipe, result);
            rates.push(rate(&course));
        }
        rates
    }

    #[test]
    fn a_plateau_lowers_the_rate_when_results_stay_for_so_many_evaluations() {
        let found = rates(&plateau(2), &[50.0, 60.0, 60.0, 59.0, 61.0, 61.0, 61.0]);
        let expected = [1e-3, 1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4, 1e-5];
        let close = |(a, b): (&f64, &f64)| (a / b - 1.0).abs() < 1e-12;
        assert!(found.iter().zip(&expected).all(close), "{found:?}");
    }

    #[test]
    fn a_new_best_begins_the_count_anew() {
        let recipe = plateau(2);
        assert_eq!(rates(&recipe, &[1.0, 0.0, 2.0, 0.0]), [1e-3; 5]);
    }

    #[test]
    fn a_fit_is_stuck_after_so_many_evaluations_without_a_new_best() {
        let recipe = plateau(2);
        let mut course = Course::default();
        let stuck = [3.0, 1.0, 1.0, 1.0, 3.0].map(|result| {
            course.evaluated(&recipe, result);
            course.is_stuck(&recipe)
        });
        assert_eq!(stuck, [false, false, false, false, true]);
        let official = Recipe::official(Architecture::Lite);
        assert!(!course.is_stuck(&official));
        assert_eq!(course.best(), Some(3.0));
    }

    #[test]
    fn a_cosine_rises_by_even_steps_and_falls_to_almost_nothing() {
        let recipe = Recipe {
            epochs: 10,
            learning_rate: 2.0,
            schedule: Schedule::Cosine { warm_up: 0.5 },
            ..Recipe::official(Architecture::Lite)
        };
        let rate =
            |epoch, step| learning_rate(&recipe, &Course::default(), Position { epoch, step }, 4);
        assert_eq!([rate(0, 0), rate(0, 1), rate(0, 2)], [1.0, 2.0, 2.0]);
        // Half of the 38 steps that fall.
        assert!((rate(5, 1) - 1.0).abs() < 1e-12);
        assert!(rate(9, 3) > 0.0 && rate(9, 3) < 0.01);
        let all: Vec<f64> = (2..40).map(|step| rate(step / 4, step % 4)).collect();
        assert!(all.is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn a_cosine_without_warm_up_begins_at_the_top() {
        let recipe = Recipe {
            schedule: Schedule::Cosine { warm_up: 0.0 },
            ..Recipe::official(Architecture::Lite)
        };
        let first = learning_rate(&recipe, &Course::default(), Position::default(), 4);
        assert_eq!(first, 1e-3);
    }
}
