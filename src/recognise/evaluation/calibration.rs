use serde::Serialize;

/// Bins of confidence, of equal width.
pub const BINS: usize = 15;

/// How far scores can be taken for probabilities.
///
/// Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Expected calibration error: the mean of |accuracy - confidence| over the bins, weighted by their samples. 0 to 1;
    /// `None` without samples.
    pub ece: Option<f64>,
    /// The reliability table, by rising confidence.
    pub bins: Vec<Bin>,
}

/// Answers whose confidence lies in one bin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Confidence above this, 0 to 1; the first bin includes it.
    pub above: f64,
    /// Confidence up to and including this.
    pub up_to: f64,
    /// Answers.
    pub samples: u64,
    /// The share of them that is right; `None` without answers.
    pub accuracy: Option<f64>,
    /// Their mean confidence; `None` without answers.
    pub confidence: Option<f64>,
}

/// What is counted of one bin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BinCounts {
    samples: u64,
    right: u64,
    confidence: f64,
}

/// The counts of all bins.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BinsCounts([BinCounts; BINS]);

impl BinsCounts {
    pub(super) fn add(&mut self, confidence: f32, is_right: bool) {
        let confidence = f64::from(confidence);
        let bin = (confidence * BINS as f64).ceil() as usize;
        let bin = &mut self.0[bin.clamp(1, BINS) - 1];
        bin.samples += 1;
        bin.right += u64::from(is_right);
        bin.confidence += confidence;
    }

    pub(super) fn calibration(&self) -> Calibration {
        let total: u64 = self.0.iter().map(|bin| bin.samples).sum();
        let gap = |bin: &BinCounts| (bin.right as f64 - bin.confidence).abs();
        let gaps: f64 = self.0.iter().map(gap).sum();
        let bins = self.0.iter().enumerate().map(|(index, bin)| {
            let mean = |sum: f64| (bin.samples > 0).then(|| sum / bin.samples as f64);
            Bin {
                above: index as f64 / BINS as f64,
                up_to: (index + 1) as f64 / BINS as f64,
                samples: bin.samples,
                accuracy: mean(bin.right as f64),
                confidence: mean(bin.confidence),
            }
        });
        Calibration {
            ece: (total > 0).then(|| gaps / total as f64),
            bins: bins.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_the_weighted_gap_of_the_bins() {
        let mut counts = BinsCounts::default();
        counts.add(0.9, true);
        counts.add(0.9, false);
        counts.add(0.5, true);
        counts.add(1.0, true);
        let calibration = counts.calibration();
        // |1 - 1.8| + |1 - 0.5| + |1 - 1| over four answers.
        assert!((calibration.ece.unwrap() - 1.3 / 4.0).abs() < 1e-6);
        let filled: Vec<usize> = (0..BINS)
            .filter(|&bin| calibration.bins[bin].samples > 0)
            .collect();
        assert_eq!(filled, [7, 13, 14]);
        assert_eq!(calibration.bins[13].accuracy, Some(0.5));
    }

    #[test]
    fn the_edges_of_bins_belong_to_the_lower_one() {
        let mut counts = BinsCounts::default();
        for confidence in [0.0, 0.2, 0.4, 1.0] {
            counts.add(confidence, true);
        }
        let samples = counts.calibration().bins;
        let filled: Vec<usize> = (0..BINS).filter(|&bin| samples[bin].samples > 0).collect();
        // f32 0.2 and 0.4 are a little more than 3/15 and 6/15.
        assert_eq!(filled, [0, 3, 6, 14]);
        assert_eq!(BinsCounts::default().calibration().ece, None);
    }
}
