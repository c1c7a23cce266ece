//! What there is to tell about an epoch.

use serde::{Deserialize, Serialize};

/// An epoch that is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// Which, from 0.
    pub epoch: usize,
    /// Steps since the beginning.
    pub steps: usize,
    /// The mean loss over its clips, while the network learned from them.
    pub loss: f64,
    /// Share of its clips whose class was the likeliest, 0 to 1.
    pub top_1: f64,
    /// The learning rate of its last step.
    pub learning_rate: f64,
    /// How the network did afterwards on clips that it is not fitted to.
    pub judged: Option<Measured>,
    /// Whether no epoch before was as good.
    pub is_best: bool,
    /// How long it took, without the judging.
    pub seconds: f64,
    /// Clips that were seen.
    pub clips: usize,
}

/// How a network does on clips.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The mean loss.
    pub loss: f64,
    /// Share of the clips whose class was the likeliest, 0 to 1.
    pub top_1: f64,
}

impl Measured {
    /// Whether it is better than another: more clips are right, or as many with a smaller loss.
    pub fn is_better_than(self, other: Self) -> bool {
        match self.top_1 == other.top_1 {
            true => self.loss < other.loss,
            false => self.top_1 > other.top_1,
        }
    }
}

/// Sums over the clips of an epoch so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// Clips.
    pub clips: usize,
    /// Their losses.
    pub loss: f64,
    /// Those whose class was the likeliest.
    pub right: usize,
    /// How long they took.
    pub seconds: f64,
}

impl Running {
    /// Takes in the answer to some clips: their mean loss, their classes, and logits, clip after clip.
    pub fn add(&mut self, loss: f64, classes: &[usize], logits: &[f32]) {
        self.clips += classes.len();
        self.loss += loss * classes.len() as f64;
        let per_clip = logits.chunks_exact(logits.len() / classes.len().max(1));
        let is_right = |(logits, class): &(&[f32], &usize)| likeliest(logits) == Some(**class);
        self.right += per_clip.zip(classes).filter(is_right).count();
    }

    /// The means.
    pub fn measured(&self) -> Measured {
        let clips = self.clips.max(1) as f64;
        Measured {
            loss: self.loss / clips,
            top_1: self.right as f64 / clips,
        }
    }
}

/// The first of the largest.
fn likeliest(logits: &[f32]) -> Option<usize> {
    let (_, place) = logits.iter().enumerate().fold(
        (f32::NEG_INFINITY, None),
        |(most, place), (class, &logit)| match logit > most {
            true => (logit, Some(class)),
            false => (most, place),
        },
    );
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_over_clips_not_over_batches() {
        let mut running = Running::default();
        running.add(1.0, &[0, 1, 0], &[2.0, 1.0, 2.0, 1.0, 1.0, 1.0]);
        running.add(3.0, &[1], &[f32::NAN, 0.0]);
        let measured = running.measured();
        assert_eq!((measured.loss, measured.top_1), (1.5, 0.75));
        assert_eq!(Running::default().measured().top_1, 0.0);
    }

    #[test]
    fn more_right_is_better_and_then_a_smaller_loss() {
        let measured = |loss, top_1| Measured { loss, top_1 };
        assert!(measured(2.0, 0.6).is_better_than(measured(1.0, 0.5)));
        assert!(measured(1.0, 0.5).is_better_than(measured(2.0, 0.5)));
        assert!(!measured(1.0, 0.5).is_better_than(measured(1.0, 0.5)));
        assert!(!measured(0.1, 0.4).is_better_than(measured(1.0, 0.5)));
    }
}
