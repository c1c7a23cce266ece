//! The average of Algorithm 1: scores that are smoothed from step to step.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

/// How the scores of a step and of those before it become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Average {
    /// The mean of the scores and of the average so far: the step k steps ago counts 2^-(k + 1). This is what Algorithm 1 says.
    #[default]
    Ema,
    /// The mean of the last so many steps.
    Mean(usize),
    /// The step's own scores.
    None,
}

/// A text that names no average.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of ema, mean:K (the last K steps, such as mean:4) and none")]
pub struct ParseAverageError(String);

impl FromStr for Average {
    type Err = ParseAverageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mean = |text: &str| {
            let steps = text.strip_prefix("mean:")?.parse().ok();
            steps.filter(|steps| (1..=MOST_STEPS).contains(steps))
        };
        match text {
            "ema" => Ok(Self::Ema),
            "none" => Ok(Self::None),
            _ => {
                let steps = mean(text).ok_or_else(|| ParseAverageError(text.to_owned()))?;
                Ok(Self::Mean(steps))
            }
        }
    }
}

impl fmt::Display for Average {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ema => f.write_str("ema"),
            Self::Mean(steps) => write!(f, "mean:{steps}"),
            Self::None => f.write_str("none"),
        }
    }
}

/// Steps whose scores are kept at most.
const MOST_STEPS: usize = 10_000;

/// Averages the scores of one stream.
#[derive(Debug)]
pub struct Averager {
    average: Average,
    /// The average so far, or the last steps.
    kept: VecDeque<Vec<f64>>,
}

impl Averager {
    /// Nothing so far.
    pub fn new(average: Average) -> Self {
        Self {
            average,
            kept: VecDeque::new(),
        }
    }

    /// The average after a step with these scores, `[classes]`.
    pub fn add(&mut self, scores: &[f64]) -> Vec<f64> {
        match self.average {
            Average::None => scores.to_vec(),
            Average::Ema => {
                let average = match self.kept.pop_front() {
                    Some(before) => mean([&before[..], scores].into_iter()),
                    None => scores.to_vec(),
                };
                self.kept.push_back(average.clone());
                average
            }
            Average::Mean(steps) => {
                if self.kept.len() == steps {
                    self.kept.pop_front();
                }
                self.kept.push_back(scores.to_vec());
                mean(self.kept.iter().map(Vec::as_slice))
            }
        }
    }
}

/// The mean of lists of equal length.
fn mean<'a>(lists: impl ExactSizeIterator<Item = &'a [f64]>) -> Vec<f64> {
    let count = lists.len() as f64;
    let mut sums = Vec::new();
    for list in lists {
        sums.resize(list.len(), 0.0);
        sums.iter_mut()
            .zip(list)
            .for_each(|(sum, value)| *sum += value);
    }
    sums.into_iter().map(|sum| sum / count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn averages(average: Average, scores: &[f64]) -> Vec<f64> {
        let mut averager = Averager::new(average);
        let add = |score: &f64| averager.add(&[*score, 1.0 - score])[0];
        scores.iter().map(add).collect()
    }

    #[test]
    fn the_average_of_algorithm_1_halves_the_weight_of_a_step_with_each_that_follows() {
        let found = averages(Average::Ema, &[1.0, 0.0, 0.0, 1.0]);
        assert_eq!(found, [1.0, 0.5, 0.25, 0.625]);
    }

    #[test]
    fn a_mean_forgets_what_is_older_than_its_steps() {
        let found = averages(Average::Mean(2), &[1.0, 0.0, 0.5, 0.5]);
        assert_eq!(found, [1.0, 0.5, 0.25, 0.5]);
    }

    #[test]
    fn no_average_is_the_step_itself() {
        assert_eq!(averages(Average::None, &[0.2, 0.9]), [0.2, 0.9]);
    }

    #[test]
    fn averages_are_read_as_they_are_written() {
        for average in [Average::Ema, Average::Mean(4), Average::None] {
            assert_eq!(average.to_string().parse(), Ok(average));
        }
        for wrong in [
            "",
            "mean",
            "mean:",
            "mean:0",
            "mean:-1",
            "EMA",
            "mean:99999",
        ] {
            assert!(wrong.parse::<Average>().is_err(), "{wrong}");
        }
    }
}
