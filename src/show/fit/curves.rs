//! Which curves a page has.

use super::chart::{Chart, Floor, Plan, Series, Style};
use super::epoch::best;
use crate::text::number::{self, four_digits};
use crate::train::EpochRecord;
use crate::train::head::Tried;

/// Labels below a chart, at most.
const LABELS: usize = 8;

/// Loss, accuracy and learning rate over the epochs.
pub(super) fn of_epochs(epochs: &[EpochRecord]) -> Vec<Chart> {
    let step = label_step(epochs.len());
    let plan = |name, series, floor, is_share, words: fn(&EpochRecord) -> String| Plan {
        name,
        x_name: "epoch",
        labels: epochs
            .iter()
            .map(|row| row.epoch + 1)
            .map(|number| number.is_multiple_of(step).then(|| number.to_string()))
            .collect(),
        words: epochs
            .iter()
            .map(|row| format!("Epoch {}: {}", row.epoch + 1, words(row)))
            .collect(),
        series,
        best: best(epochs),
        floor,
        is_share,
    };
    let series = |name, style, value: fn(&EpochRecord) -> Option<f64>| Series {
        name,
        style,
        values: epochs.iter().map(value).collect(),
    };
    let loss = vec![
        series("in training", Style::Fitted, |row| Some(row.loss)),
        series("judged", Style::Judged, |row| {
            row.judged.map(|judged| judged.loss)
        }),
    ];
    let top_1 = vec![
        series("in training", Style::Fitted, |row| Some(row.top_1)),
        series("judged", Style::Judged, |row| {
            row.judged.map(|judged| judged.top_1)
        }),
    ];
    let rate = vec![series("at the end of the epoch", Style::Fitted, |row| {
        Some(row.learning_rate)
    })];
    let smallest = Floor::Smallest;
    let plans = [
        plan("Loss", loss, smallest, false, |row| {
            let judged = row
                .judged
                .map(|judged| judged.loss)
                .map(|loss| format!(", {} judged", number::loss(loss)));
            format!(
                "{} in training{}",
                number::loss(row.loss),
                judged.unwrap_or_default()
            )
        }),
        plan("Top-1", top_1, smallest, true, |row| {
            let judged = row.judged.map(|judged| judged.top_1);
            let judged = judged.map(|share| format!(", {:.2}% judged", share * 100.0));
            format!(
                "{:.2}% in training{}",
                row.top_1 * 100.0,
                judged.unwrap_or_default()
            )
        }),
        Plan {
            best: None,
            ..plan("Learning rate", rate, Floor::Zero, false, |row| {
                four_digits(row.learning_rate)
            })
        },
    ];
    plans.into_iter().filter_map(Chart::new).collect()
}

/// The loss for each penalty of the head.
pub(super) fn of_penalties(tried: &[Tried]) -> Option<Chart> {
    let step = tried.len().div_ceil(LABELS).max(1);
    let losses = tried.iter().map(|tried| tried.loss);
    let best = losses.clone().enumerate();
    let best = best.min_by(|(_, a), (_, b)| a.total_cmp(b));
    Chart::new(Plan {
        name: "Loss for each penalty",
        x_name: "penalty",
        labels: (tried.iter().enumerate())
            .map(|(place, tried)| {
                let is_labelled = place.is_multiple_of(step);
                is_labelled.then(|| tried.penalty.to_string())
            })
            .collect(),
        words: tried
            .iter()
            .map(|tried| format!("Penalty {}: loss {:.4}", tried.penalty, tried.loss))
            .collect(),
        series: vec![Series {
            name: "on the clips that were held back",
            style: Style::Judged,
            values: losses.map(Some).collect(),
        }],
        best: best.map(|(place, _)| place),
        floor: Floor::Smallest,
        is_share: false,
    })
}

/// From one label to the next: 1, 2 or 5 times a power of 10.
fn label_step(places: usize) -> usize {
    let mut ten = 1;
    loop {
        for digit in [1, 2, 5] {
            if places <= LABELS * digit * ten {
                return digit * ten;
            }
        }
        ten *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_few_and_round() {
        let steps = [0, 1, 8, 9, 40, 41, 400].map(label_step);
        assert_eq!(steps, [1, 1, 1, 2, 5, 10, 50]);
    }

    #[test]
    fn the_penalty_with_the_smallest_loss_is_marked() {
        let losses = [1.0, 0.5, 0.75];
        let tried = losses.map(|loss| Tried { penalty: 0.1, loss });
        let chart = of_penalties(&tried).unwrap();
        let place = &chart.targets[1];
        assert_eq!(chart.best.unwrap().0, place.left + place.width / 2.0);
        assert!(of_penalties(&[]).is_none());
    }
}
