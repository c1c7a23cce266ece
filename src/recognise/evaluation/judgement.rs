/// What one answer is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// The class with the highest score, of equal ones the first; `None` where every score is NaN.
    pub predicted: Option<usize>,
    /// Its score; 0 where there is none.
    pub confidence: f32,
    /// The place of the true class, from 1; `None` where its score is NaN, which is always wrong.
    pub rank: Option<usize>,
}

impl Judgement {
    /// Judges `scores`, `[classes]`, by the true class.
    ///
    /// The rank of a class is 1, and 1 more for every class with a higher score and for every class before it with an equal
    /// one: it depends on nothing but the scores. A score that is NaN is below all others.
    ///
    /// # Panics
    /// When `truth` is no class.
    pub fn new(scores: &[f32], truth: usize) -> Self {
        let numbers = scores.iter().copied().enumerate();
        let best = numbers
            .filter(|(_, score)| !score.is_nan())
            .reduce(|best, next| if next.1 > best.1 { next } else { best });
        let own = scores[truth];
        let before = |(class, &score): (usize, &f32)| score > own || score == own && class < truth;
        let rank = 1 + scores.iter().enumerate().filter(|&s| before(s)).count();
        Self {
            predicted: best.map(|(class, _)| class),
            confidence: best.map_or(0.0, |(_, score)| score),
            rank: (!own.is_nan()).then_some(rank),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_rank_by_class_index() {
        let scores = [0.2, 0.4, 0.4, 0.0];
        let ranks = [0, 1, 2, 3].map(|truth| Judgement::new(&scores, truth).rank);
        assert_eq!(ranks, [Some(3), Some(1), Some(2), Some(4)]);
        assert_eq!(Judgement::new(&scores, 2).predicted, Some(1));
    }

    #[test]
    fn nan_is_wrong_and_hides_no_other_class() {
        let judged = Judgement::new(&[f32::NAN, 0.1, 0.3], 0);
        assert_eq!((judged.rank, judged.predicted), (None, Some(2)));
        let judged = Judgement::new(&[f32::NAN, 0.1, 0.3], 1);
        assert_eq!((judged.rank, judged.confidence), (Some(2), 0.3));
        let judged = Judgement::new(&[f32::NAN; 2], 1);
        assert_eq!((judged.rank, judged.predicted), (None, None));
    }
}
