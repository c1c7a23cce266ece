//! What one step says.

use std::time::{Duration, Instant};

use super::events::Event;
use crate::recognise::{Labels, Scores};

/// A class with its averaged score.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    /// Output of the head, from 0.
    pub index: usize,
    /// Its name.
    pub label: String,
    /// Averaged score, 0 to 1.
    pub score: f32,
}

/// The answer of one step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Which step of its stream, from 0.
    pub number: u64,
    /// First and last of the new frames, by their numbers in the stream.
    pub frames: (u64, u64),
    /// When these were shown, in seconds.
    pub seconds: (f64, f64),
    /// The frames that the network looked at, in order; those of a stream that is too short repeat.
    pub memory: Vec<u64>,
    /// Frames that went through the 2D net since the last step.
    pub computed: usize,
    /// Scores of the step alone.
    pub scores: Scores,
    /// Averaged scores, `[classes]`.
    pub averaged: Vec<f64>,
    /// The event that lasts.
    pub current: Option<Event>,
    /// The events that ended: before this step, or with it when it is the last.
    pub ended: Vec<Event>,
    /// Whether the stream ended with it.
    pub is_last: bool,
    /// When the newest frame arrived.
    pub arrived: Instant,
    /// The network's time, with what it did before the step was due.
    pub forward: Duration,
}

impl Step {
    /// The `k` classes with the best averaged scores, best first; equal ones in the order of the classes.
    pub fn guesses(&self, k: usize, labels: &Labels) -> Vec<Guess> {
        let mut order: Vec<usize> = (0..self.averaged.len()).collect();
        order.sort_by(|&a, &b| self.averaged[b].total_cmp(&self.averaged[a]));
        order.truncate(k);
        let guess = |index: usize| Guess {
            index,
            label: labels.get(index).into_owned(),
            score: self.averaged[index] as f32,
        };
        order.into_iter().map(guess).collect()
    }

    /// The best averaged score.
    pub fn best(&self) -> f32 {
        self.averaged.iter().copied().fold(0.0, f64::max) as f32
    }
}
