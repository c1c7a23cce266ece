//! How long answers take.

use std::collections::VecDeque;
use std::time::Duration;

/// Answers that are remembered: the last few minutes.
const KEPT: usize = 1000;

/// Latencies of the last answers.
#[derive(Debug, Default)]
pub struct Latencies(VecDeque<Duration>);

impl Latencies {
    /// Adds that of an answer: from the arrival of its newest frame to the answer.
    pub fn add(&mut self, latency: Duration) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(latency);
    }

    /// The latency that this share of the answers, 0 to 1, do not exceed; `None` before the first one.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_latencies_that_were_measured() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), None);
        (1..=20)
            .rev()
            .for_each(|ms| latencies.add(Duration::from_millis(ms)));
        let quantile = |share| latencies.quantile(share).unwrap().as_millis();
        assert_eq!(
            (quantile(0.0), quantile(0.5), quantile(0.95), quantile(1.0)),
            (1, 10, 19, 20)
        );
    }

    #[test]
    fn only_the_last_answers_count() {
        let mut latencies = Latencies::default();
        latencies.add(Duration::from_secs(9));
        (0..KEPT).for_each(|_| latencies.add(Duration::from_secs(1)));
        assert_eq!(latencies.quantile(1.0), Some(Duration::from_secs(1)));
    }
}
