use serde::Serialize;

/// What the values of a tensor are like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Statistics {
    /// Mean of the finite values; `None` where there are none.
    pub mean: Option<f64>,
    /// Standard deviation of the finite values, all of them being the population.
    pub std: Option<f64>,
    /// Zeros as a share of all values.
    pub zeros: f64,
    /// Values that are NaN or infinite.
    pub non_finite: usize,
}

impl Statistics {
    /// Looks at every value.
    pub fn of(values: &[f32]) -> Self {
        let finite = || {
            values
                .iter()
                .filter(|value| value.is_finite())
                .map(|&value| f64::from(value))
        };
        let count = finite().count();
        let share = |sum: f64| (count > 0).then(|| sum / count as f64);
        let mean = share(finite().sum());
        let spread = |mean: f64| finite().map(|value| (value - mean).powi(2)).sum();
        let zeros = values.iter().filter(|&&value| value == 0.0).count();
        Self {
            mean,
            std: mean.and_then(|mean| share(spread(mean))).map(f64::sqrt),
            zeros: zeros as f64 / values.len().max(1) as f64,
            non_finite: values.len() - count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_leave_out_what_is_not_finite_and_count_it() {
        let found = Statistics::of(&[1.0, 3.0, 0.0, 0.0, f32::NAN, f32::INFINITY]);
        assert_eq!(found.mean, Some(1.0));
        assert_eq!(found.std, Some(1.5_f64.sqrt()));
        assert_eq!(found.zeros, 2.0 / 6.0);
        assert_eq!(found.non_finite, 2);
        assert_eq!(Statistics::of(&[f32::NAN]).mean, None);
    }
}
