//! The reliability diagram.

use crate::recognise::evaluation::Calibration;

/// Side of the diagram, and height of the counts below it.
const SIDE: f64 = 300.0;
const COUNTS: f64 = 50.0;

/// One bin of the diagram. Lengths are in the diagram's units.
pub(super) struct Bar {
    pub x: f64,
    pub width: f64,
    /// Top and height of the accuracy; none without answers.
    pub accuracy: Option<(f64, f64)>,
    /// Where accuracy and mean score differ: top, height, and whether scores are too high.
    pub gap: Option<(f64, f64, bool)>,
    /// Height of the share of all answers.
    pub count: f64,
    pub words: String,
}

pub(super) fn bars(calibration: &Calibration) -> Vec<Bar> {
    let most = calibration.bins.iter().map(|bin| bin.samples).max();
    let most = most.unwrap_or(0).max(1) as f64;
    let bar = |bin: &crate::recognise::evaluation::Bin| {
        let (from, to) = (bin.above * 100.0, bin.up_to * 100.0);
        let both = bin.accuracy.zip(bin.confidence);
        let words = match both {
            Some((accuracy, confidence)) => format!(
                "Scores {from:.1} to {to:.1}%: {} answers, {:.1}% right, mean score {:.1}%",
                bin.samples,
                accuracy * 100.0,
                confidence * 100.0
            ),
            None => format!("Scores {from:.1} to {to:.1}%: no answers"),
        };
        Bar {
            x: bin.above * SIDE + 1.0,
            width: (bin.up_to - bin.above) * SIDE - 2.0,
            accuracy: bin
                .accuracy
                .map(|share| (SIDE * (1.0 - share), SIDE * share)),
            gap: both.map(|(accuracy, confidence)| {
                let (low, high) = (accuracy.min(confidence), accuracy.max(confidence));
                (
                    SIDE * (1.0 - high),
                    SIDE * (high - low),
                    confidence > accuracy,
                )
            }),
            count: COUNTS * bin.samples as f64 / most,
            words,
        }
    };
    calibration.bins.iter().map(bar).collect()
}
