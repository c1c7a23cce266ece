use serde::Serialize;

/// A range in which the true share of successes lies with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end, 0 to 1.
    pub low: f64,
    /// Its upper end, 0 to 1.
    pub high: f64,
}

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

impl Interval {
    /// The score interval for `successes` out of `trials`; `None` without trials.
    ///
    /// Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    pub fn wilson(successes: u64, trials: u64) -> Option<Self> {
        if trials == 0 {
            return None;
        }
        let n = trials as f64;
        let share = successes as f64 / n;
        let (z2, scale) = (Z * Z, 1.0 + Z * Z / n);
        let centre = (share + z2 / (2.0 * n)) / scale;
        let half = Z / scale * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
        // At 0 and at all successes one end is exact, which rounding would miss.
        Some(Self {
            low: if successes == 0 {
                0.0
            } else {
                (centre - half).max(0.0)
            },
            high: if successes == trials {
                1.0
            } else {
                (centre + half).min(1.0)
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        // The formula in Python's double precision.
        for (successes, trials, low, high) in [
            (0, 10, 0.0, 0.277_532_799_862_889_2),
            (10, 10, 0.722_467_200_137_110_7, 1.0),
            (98, 100, 0.929_988_209_271_456, 0.994_498_032_449_837_6),
            (1, 3, 0.061_491_944_720_396_15, 0.792_340_399_197_952_3),
        ] {
            let found = Interval::wilson(successes, trials).unwrap();
            assert!(
                (found.low - low).abs() < 1e-9,
                "{successes}/{trials}: {found:?}"
            );
            assert!(
                (found.high - high).abs() < 1e-9,
                "{successes}/{trials}: {found:?}"
            );
        }
        assert_eq!(Interval::wilson(0, 0), None);
    }
}
