//! L-BFGS: the minimum of a smooth convex function of many variables.

use std::collections::VecDeque;

use ndarray::Array1;

/// Steps whose curvature is remembered.
const MEMORY: usize = 20;
/// A step must lower the value by at least this share of what the slope promises (Armijo's condition).
const SUFFICIENT: f64 = 1e-4;
/// Halvings of a step before the point is taken for the minimum, as exactly as numbers of this size can tell.
const MOST_HALVINGS: usize = 30;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tolerance {
    /// The largest value of the gradient.
    pub gradient: f64,
    /// The most steps.
    pub steps: usize,
}

/// Searches from `start`. `function` gives the value at a point and the gradient; it has to be strictly convex, so that
/// every step has positive curvature.
///
/// Source: Nocedal and Wright, "Numerical Optimization", 2nd edition, algorithms 7.4 and 7.5, with backtracking.
pub(super) fn minimise(
    start: Array1<f64>,
    tolerance: Tolerance,
    mut function: impl FnMut(&Array1<f64>) -> (f64, Array1<f64>),
) -> Array1<f64> {
    let mut point = start;
    let (mut value, mut gradient) = function(&point);
    let mut history: VecDeque<Step> = VecDeque::new();
    for _ in 0..tolerance.steps {
        let largest = gradient.fold(0.0_f64, |most, slope| most.max(slope.abs()));
        if largest <= tolerance.gradient {
            return point;
        }
        let mut direction = direction(&history, &gradient);
        if history.is_empty() {
            // Nothing is known of the scale yet: one unit.
            direction /= gradient.dot(&gradient).sqrt();
        }
        let slope = direction.dot(&gradient);
        let mut length = 1.0;
        let mut taken = None;
        for _ in 0..MOST_HALVINGS {
            let next = &point + &(&direction * length);
            let (next_value, next_gradient) = function(&next);
            if next_value <= value + SUFFICIENT * length * slope {
                taken = Some((next, next_value, next_gradient));
                break;
            }
            length /= 2.0;
        }
        let Some((next, next_value, next_gradient)) = taken else {
            return point;
        };
        let step = Step::new(&next - &point, &next_gradient - &gradient);
        if step.curvature > 0.0 {
            if history.len() == MEMORY {
                history.pop_front();
            }
            history.push_back(step);
        }
        (point, value, gradient) = (next, next_value, next_gradient);
    }
    point
}

/// A step, and how it changed the gradient.
struct Step {
    moved: Array1<f64>,
    turned: Array1<f64>,
    curvature: f64,
}

impl Step {
    fn new(moved: Array1<f64>, turned: Array1<f64>) -> Self {
        Self {
            curvature: moved.dot(&turned),
            moved,
            turned,
        }
    }
}

/// Minus the gradient times an estimate of the inverse of the second derivatives.
fn direction(history: &VecDeque<Step>, gradient: &Array1<f64>) -> Array1<f64> {
    let mut direction = -gradient;
    let mut shares = Vec::with_capacity(history.len());
    for step in history.iter().rev() {
        let share = step.moved.dot(&direction) / step.curvature;
        direction.scaled_add(-share, &step.turned);
        shares.push(share);
    }
    if let Some(last) = history.back() {
        direction *= last.curvature / last.turned.dot(&last.turned);
    }
    for (step, share) in history.iter().zip(shares.into_iter().rev()) {
        let back = step.turned.dot(&direction) / step.curvature;
        direction.scaled_add(share - back, &step.moved);
    }
    direction
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_long_valley_is_followed_to_its_end() {
        let scale = array![1.0, 100.0, 1e4];
        let centre = array![3.0, -2.0, 0.5];
        let tolerance = Tolerance {
            gradient: 1e-9,
            steps: 200,
        };
        let mut calls = 0;
        let found = minimise(Array1::zeros(3), tolerance, |point| {
            calls += 1;
            let away = point - &centre;
            (0.5 * (&away * &away).dot(&scale), &away * &scale)
        });
        assert!(calls < 60, "{calls}");
        assert!((found - centre).iter().all(|away| away.abs() < 1e-8));
    }
}
