//! What a head is fitted to.

use ndarray::{Array2, Axis};

/// How much each class counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Balance {
    /// Every sample counts the same.
    #[default]
    Samples,
    /// Every class counts the same: a sample counts `samples / (classes with samples * samples of its class)`, as
    /// scikit-learn's `class_weight="balanced"`.
    Classes,
}

/// Features of clips, with what the clips show.
#[derive(Debug, Clone)]
pub struct Samples {
    /// `[samples, features]`, as the network makes them.
    pub features: Array2<f64>,
    /// The class of each sample, from 0.
    pub classes: Vec<usize>,
    /// How many classes there are. Each should have a sample: nothing says how far away the others are.
    pub class_count: usize,
}

impl Samples {
    /// The samples at these places, in this order.
    pub fn select(&self, places: &[usize]) -> Self {
        Self {
            features: self.features.select(Axis(0), places),
            classes: places.iter().map(|&place| self.classes[place]).collect(),
            class_count: self.class_count,
        }
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// The share of each sample in the loss; they add up to 1.
    pub fn shares(&self, balance: Balance) -> Vec<f64> {
        let mut counts = vec![0_usize; self.class_count];
        for &class in &self.classes {
            counts[class] += 1;
        }
        let present = counts.iter().filter(|&&count| count > 0).count();
        let share = |&class: &usize| match balance {
            Balance::Samples => 1.0 / self.len() as f64,
            Balance::Classes => 1.0 / (present * counts[class]) as f64,
        };
        self.classes.iter().map(share).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_classes_count_the_same_whatever_their_size() {
        let samples = Samples {
            features: Array2::zeros((4, 1)),
            classes: vec![0, 2, 2, 2],
            class_count: 3,
        };
        assert_eq!(samples.shares(Balance::Samples), [0.25; 4]);
        let sixth = 1.0 / 6.0;
        assert_eq!(samples.shares(Balance::Classes), [0.5, sixth, sixth, sixth]);
    }
}
