use super::calibration::{BinsCounts, Calibration};
use super::judgement::Judgement;
use super::measures::{ClassMeasures, Confusion, Share, ratio};
use super::sample::Sample;

/// Samples, counted. Its size is that of the confusion matrix.
#[derive(Debug, Clone)]
pub struct Evaluation {
    classes: usize,
    answered: u64,
    failed: u64,
    /// `[truth, predicted]`
    confusion: Vec<u64>,
    /// Answers by the rank of the true class, from rank 1.
    ranks: Vec<u64>,
    /// Answered clips by true class.
    support: Vec<u64>,
    bins: BinsCounts,
    min_score: Option<f32>,
    confident: u64,
    confident_right: u64,
}

impl Evaluation {
    /// Nothing counted yet. Answers whose best score is at least `min_score` are the confident ones.
    pub fn new(classes: usize, min_score: Option<f32>) -> Self {
        Self {
            classes,
            answered: 0,
            failed: 0,
            confusion: vec![0; classes * classes],
            ranks: vec![0; classes],
            support: vec![0; classes],
            bins: BinsCounts::default(),
            min_score,
            confident: 0,
            confident_right: 0,
        }
    }

    /// Counts a sample; its judgement, if it has scores.
    ///
    /// # Panics
    /// When the true class is no class, or there are not as many scores as classes.
    pub fn add(&mut self, sample: &Sample) -> Option<Judgement> {
        let Ok(scores) = &sample.scores else {
            self.failed += 1;
            return None;
        };
        assert_eq!(scores.len(), self.classes, "scores and classes");
        let judged = Judgement::new(scores, sample.truth);
        let is_right = judged.rank == Some(1);
        self.answered += 1;
        self.support[sample.truth] += 1;
        if let Some(predicted) = judged.predicted {
            self.confusion[sample.truth * self.classes + predicted] += 1;
        }
        if let Some(rank) = judged.rank {
            self.ranks[rank - 1] += 1;
        }
        self.bins.add(judged.confidence, is_right);
        if self
            .min_score
            .is_some_and(|least| judged.confidence >= least)
        {
            self.confident += 1;
            self.confident_right += u64::from(is_right);
        }
        Some(judged)
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Clips with an answer: what every measure is a share of.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// Clips that could not be used.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Clips of a class that have an answer.
    pub fn support(&self, class: usize) -> u64 {
        self.support[class]
    }

    /// How often the true class is among the best `k`; all classes when there are fewer.
    pub fn top(&self, k: usize) -> Share {
        let right = self.ranks.iter().take(k).sum();
        Share::new(right, self.answered)
    }

    /// The mean of the recalls of all classes that have clips, 0 to 1, and how many have. `None` without any.
    pub fn mean_class_accuracy(&self) -> (Option<f64>, usize) {
        let recalls =
            (0..self.classes).filter_map(|class| ratio(self.hits(class), self.support[class]));
        let recalls: Vec<f64> = recalls.collect();
        let mean = recalls.iter().sum::<f64>() / recalls.len() as f64;
        ((!recalls.is_empty()).then_some(mean), recalls.len())
    }

    /// Precision, recall and F1 of every class, in their order.
    pub fn per_class(&self) -> Vec<ClassMeasures> {
        let class = |class| {
            let (hits, support) = (self.hits(class), self.support[class]);
            let predicted = (0..self.classes)
                .map(|truth| self.confused(truth, class))
                .sum();
            ClassMeasures {
                precision: ratio(hits, predicted).unwrap_or(0.0),
                recall: ratio(hits, support).unwrap_or(0.0),
                f1: ratio(2 * hits, predicted + support).unwrap_or(0.0),
                support,
                predicted,
            }
        };
        (0..self.classes).map(class).collect()
    }

    /// How often clips of class `truth` are answered with class `predicted`.
    pub fn confused(&self, truth: usize, predicted: usize) -> u64 {
        self.confusion[truth * self.classes + predicted]
    }

    /// The confusion matrix, `[truth, predicted]`, row after row.
    pub fn confusion(&self) -> &[u64] {
        &self.confusion
    }

    /// Pairs of classes that are confused, the most frequent first; equal ones by class.
    pub fn most_confused(&self) -> Vec<Confusion> {
        let pair = |(place, &count): (usize, &u64)| Confusion {
            truth: place / self.classes,
            predicted: place % self.classes,
            count,
        };
        let pairs = self.confusion.iter().enumerate().map(pair);
        let mut pairs: Vec<Confusion> = pairs
            .filter(|pair| pair.count > 0 && pair.truth != pair.predicted)
            .collect();
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.count));
        pairs
    }

    /// How many answers are confident, and how many of these are right; `None` without a least score.
    pub fn confident(&self) -> Option<[Share; 2]> {
        self.min_score.map(|_| {
            [
                Share::new(self.confident, self.answered),
                Share::new(self.confident_right, self.confident),
            ]
        })
    }

    /// How far scores can be taken for probabilities.
    pub fn calibration(&self) -> Calibration {
        self.bins.calibration()
    }

    fn hits(&self, class: usize) -> u64 {
        self.confused(class, class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::ClipName;

    fn sample(truth: usize, scores: &[f32]) -> Sample {
        Sample {
            clip: ClipName::new("clip"),
            range: None,
            truth,
            scores: Ok(scores.to_vec()),
        }
    }

    fn three() -> Evaluation {
        let mut evaluation = Evaluation::new(3, Some(0.6));
        evaluation.add(&sample(0, &[0.7, 0.2, 0.1]));
        evaluation.add(&sample(0, &[0.4, 0.5, 0.1]));
        evaluation.add(&sample(1, &[0.1, 0.1, 0.8]));
        evaluation.add(&Sample {
            scores: Err("no frames".into()),
            ..sample(1, &[])
        });
        evaluation
    }

    #[test]
    fn failures_are_counted_and_no_part_of_the_denominator() {
        let evaluation = three();
        assert_eq!((evaluation.answered(), evaluation.failed()), (3, 1));
        assert_eq!((evaluation.top(1).count, evaluation.top(1).of), (1, 3));
        assert_eq!(evaluation.top(2).count, 2);
        assert_eq!(evaluation.top(99).count, 3);
    }

    #[test]
    fn classes_without_clips_are_no_part_of_the_mean() {
        assert_eq!(three().mean_class_accuracy(), (Some(0.25), 2));
        assert_eq!(Evaluation::new(2, None).mean_class_accuracy(), (None, 0));
        assert_eq!(Evaluation::new(2, None).top(1).share, None);
    }

    #[test]
    fn every_class_has_its_measures() {
        let classes = three().per_class();
        assert_eq!((classes[0].precision, classes[0].recall), (1.0, 0.5));
        assert_eq!((classes[1].precision, classes[1].f1), (0.0, 0.0));
        assert_eq!((classes[2].support, classes[2].predicted), (0, 1));
    }

    #[test]
    fn the_confident_ones_are_counted_apart() {
        let [coverage, accuracy] = three().confident().unwrap();
        assert_eq!((coverage.count, coverage.of), (2, 3));
        assert_eq!((accuracy.count, accuracy.of), (1, 2));
    }

    #[test]
    fn the_most_confused_pairs_come_first() {
        let mut evaluation = three();
        evaluation.add(&sample(1, &[0.1, 0.1, 0.8]));
        let pairs = evaluation.most_confused();
        assert_eq!(
            (pairs[0].truth, pairs[0].predicted, pairs[0].count),
            (1, 2, 2)
        );
        assert_eq!(pairs.len(), 2);
    }
}
