//! What is written about a step and about an event.

use std::time::Duration;

use serde::Serialize;

use crate::recognise::online::{Event, Guess, Step};
use crate::recognise::{Class, Labels};

/// A class with its averaged score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GuessRow {
    /// Output of the head, from 0.
    pub index: usize,
    /// Its name.
    pub label: String,
    /// Averaged score, 0 to 1.
    pub score: f32,
}

impl From<Guess> for GuessRow {
    fn from(guess: Guess) -> Self {
        Self {
            index: guess.index,
            label: guess.label,
            score: guess.score,
        }
    }
}

/// A span of time with one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventRow {
    /// Output of the head, from 0.
    pub index: usize,
    /// Its name.
    pub label: String,
    /// When it began, in seconds.
    pub start_seconds: f64,
    /// When it ended, or, while it lasts, the time of the last frame.
    pub end_seconds: f64,
    /// The mean of its averaged scores.
    pub score: f32,
}

impl EventRow {
    /// An event with its name.
    pub fn new(event: &Event, labels: &Labels) -> Self {
        Self {
            index: event.class,
            label: labels.get(event.class).into_owned(),
            start_seconds: microseconds(event.start),
            end_seconds: microseconds(event.end),
            score: event.score as f32,
        }
    }
}

/// What rows show of a step.
#[derive(Debug, Clone, Copy)]
pub struct StepShown<'a> {
    /// The source, as it was named.
    pub source: &'a str,
    /// Class names.
    pub labels: &'a Labels,
    /// Classes per row.
    pub topk: usize,
    /// Steps whose best averaged score is below this are uncertain.
    pub min_score: Option<f32>,
}

/// The answer of one step: one object of JSON lines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepRow {
    /// The source, as it was named.
    pub source: String,
    /// Which step of the source, from 0.
    pub step: u64,
    /// First of the new frames, by its number in the source, from 0.
    pub first_frame: u64,
    /// Last of the new frames.
    pub last_frame: u64,
    /// When the first of them was shown.
    pub start_seconds: f64,
    /// When the last of them was shown.
    pub end_seconds: f64,
    /// The frames that the network looked at.
    pub frames: Vec<u64>,
    /// How many of them went through the 2D net; the maps of the others were known.
    pub computed: usize,
    /// Whether nothing is certain: the best averaged score is below the limit the user set.
    pub uncertain: bool,
    /// The best classes of the step alone, best first.
    pub top: Vec<Class>,
    /// The best classes by their averaged scores, best first.
    pub averaged: Vec<GuessRow>,
    /// The event that lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<EventRow>,
    /// The events that ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<EventRow>,
    /// Frames that the source dropped since the step before, because the network was busy.
    pub dropped: u64,
    /// From the arrival of the newest frame to the answer.
    pub latency_ms: f64,
    /// The network's time.
    pub forward_ms: f64,
    /// Whether the source ended with it.
    pub last: bool,
}

impl StepRow {
    /// The row of a step that was answered so long after its newest frame arrived.
    pub fn new(step: &Step, shown: &StepShown<'_>, dropped: u64, latency: Duration) -> Self {
        let event = |event: &Event| EventRow::new(event, shown.labels);
        let guesses = step.guesses(shown.topk, shown.labels);
        let milliseconds = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        Self {
            source: shown.source.to_owned(),
            step: step.number,
            first_frame: step.frames.0,
            last_frame: step.frames.1,
            start_seconds: microseconds(step.seconds.0),
            end_seconds: microseconds(step.seconds.1),
            frames: step.memory.clone(),
            computed: step.computed,
            uncertain: shown.min_score.is_some_and(|limit| step.best() < limit),
            top: step.scores.top(shown.topk, shown.labels),
            averaged: guesses.into_iter().map(GuessRow::from).collect(),
            event: step.current.as_ref().map(event),
            ended: step.ended.iter().map(event).collect(),
            dropped,
            latency_ms: milliseconds(latency),
            forward_ms: milliseconds(step.forward),
            last: step.is_last,
        }
    }
}

/// Why a source ended early: the other object of JSON lines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailedRow {
    /// The source, as it was named.
    pub source: String,
    /// The error with its causes, on one line.
    pub error: String,
}

/// A time in seconds, so that it prints as 12.8 and not as 12.799999999999999.
fn microseconds(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}
