//! How often each class was the best answer.

use std::collections::HashMap;

use crate::recognise::Prediction;

/// The answers by their best class.
#[derive(Debug, Default)]
pub(super) struct Classes {
    numbers: HashMap<String, usize>,
    classes: Vec<Class>,
}

/// A class that was the best answer.
#[derive(Debug, Clone)]
pub(super) struct Class {
    pub label: String,
    pub answers: usize,
    pub uncertain: usize,
    score_sum: f64,
}

impl Class {
    /// Mean score of its answers, 0..=1.
    pub(super) fn mean_score(&self) -> f32 {
        (self.score_sum / self.answers as f64) as f32
    }
}

impl Classes {
    /// Counts an answer and returns the number of its best class, in the order of first appearance.
    pub(super) fn add(&mut self, answer: &Prediction) -> Option<usize> {
        let best = answer.top.first()?;
        let number = *self
            .numbers
            .entry(best.label.clone())
            .or_insert(self.classes.len());
        if number == self.classes.len() {
            self.classes.push(Class {
                label: best.label.clone(),
                answers: 0,
                uncertain: 0,
                score_sum: 0.0,
            });
        }
        let class = &mut self.classes[number];
        class.answers += 1;
        class.uncertain += usize::from(answer.uncertain);
        class.score_sum += f64::from(best.score);
        Some(number)
    }

    /// The label of a class, by the number that [`Classes::add`] returned.
    pub(super) fn label(&self, number: usize) -> &str {
        &self.classes[number].label
    }

    /// The numbers of all classes, the most frequent first.
    pub(super) fn by_frequency(&self) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..self.classes.len()).collect();
        numbers.sort_by_key(|&number| std::cmp::Reverse(self.classes[number].answers));
        numbers
    }

    /// All classes, the most frequent first.
    pub(super) fn sorted(&self) -> Vec<&Class> {
        let numbers = self.by_frequency();
        numbers
            .iter()
            .map(|&number| &self.classes[number])
            .collect()
    }
}
