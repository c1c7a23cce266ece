//! Answers as rows of the output.

use std::time::Duration;

use super::{
    Answer, ClipName, FrameRange, Labels, Outcome, Prediction, Row, RowError, Scores, Timings,
};
use crate::clip::{ClipError, Loaded};
use crate::engine::Precision;

/// What rows show.
#[derive(Debug, Clone, PartialEq)]
pub struct RowOptions {
    /// Classes per row.
    pub topk: usize,
    /// Answers whose best score is below this are marked as uncertain.
    pub min_score: Option<f32>,
    /// Whether rows carry the logits of all classes.
    pub logits: Logits,
    /// Whether rows say where the time went.
    pub timings: bool,
}

/// Whether rows carry the logits of all classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Logits {
    /// No: only the best classes have theirs.
    #[default]
    Best,
    /// Yes.
    All,
}

impl Default for RowOptions {
    fn default() -> Self {
        Self {
            topk: 5,
            min_score: None,
            logits: Logits::default(),
            timings: true,
        }
    }
}

/// Everything but the answer that goes into a row.
pub(super) struct RowMaker<'a> {
    pub options: &'a RowOptions,
    pub labels: &'a Labels,
    /// The engine's name.
    pub engine: String,
    /// What it computes with.
    pub precision: Precision,
    /// Whether answers are about parts of clips, so that rows state the part.
    pub parts: bool,
}

impl RowMaker<'_> {
    /// The row that shows an answer.
    pub(super) fn row(&self, answer: &Answer) -> Row {
        let failed = |range, error| {
            Row::Failed(RowError {
                clip: ClipName::new(&answer.entry.path),
                given: answer.entry.given.clone(),
                range,
                error,
            })
        };
        match &answer.outcome {
            Outcome::Scored {
                loaded,
                scores,
                forward,
                ..
            } => Row::Answer(self.prediction(answer, loaded, scores, *forward)),
            Outcome::NotScored { loaded, error, .. } => {
                failed(self.range(loaded), error.to_string())
            }
            Outcome::NotLoaded { error } => failed(None, one_line(error)),
        }
    }

    fn prediction(
        &self,
        answer: &Answer,
        loaded: &Loaded,
        scores: &Scores,
        forward: Duration,
    ) -> Prediction {
        let RowOptions {
            topk,
            min_score,
            logits,
            timings,
        } = *self.options;
        let sources = || loaded.views.iter().flat_map(|view| view.sources());
        let top = scores.top(topk, self.labels);
        let best = top.first().map_or(0.0, |class| class.score);
        Prediction {
            clip: ClipName::new(&answer.entry.path),
            given: answer.entry.given.clone(),
            range: self.range(loaded),
            source_frames: loaded.source_frames,
            frames: sources().map(|source| source.index).collect(),
            frame_names: sources().filter_map(|source| source.name()).collect(),
            views: loaded.views.len(),
            uncertain: min_score.is_some_and(|limit| best < limit),
            top,
            logits: match logits {
                Logits::Best => None,
                Logits::All => Some(scores.logits().to_vec()),
            },
            timings: timings.then(|| Timings {
                decode_ms: rounded(loaded.elapsed.as_secs_f64() * 1e3, 1e3),
                forward_ms: rounded(forward.as_secs_f64() * 1e3, 1e3),
            }),
            engine: self.engine.clone(),
            precision: self.precision.to_string(),
            decoder: loaded
                .decoder
                .as_ref()
                .map(|decoder| decoder.name().to_owned()),
        }
    }

    fn range(&self, loaded: &Loaded) -> Option<FrameRange> {
        let seconds = loaded
            .seconds
            .map(|(start, end)| [start, end].map(|time| rounded(time, 1e6)));
        self.parts.then(|| FrameRange {
            start_frame: loaded.range.start,
            end_frame: loaded.range.end,
            start_seconds: seconds.map(|[start, _]| start),
            end_seconds: seconds.map(|[_, end]| end),
        })
    }
}

/// The error with its causes.
fn one_line(error: &ClipError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// Rounds `value` to a multiple of `1 / steps`, so that a time prints as 12.8 and not as 12.799999999999999.
fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_without_the_noise_of_their_last_digits() {
        assert_eq!(rounded(12.799999999999999, 1e6), 12.8);
        assert_eq!(rounded(0.1 + 0.2, 1e6).to_string(), "0.3");
        assert_eq!(rounded(1.0 / 30.0, 1e6), 0.033333);
    }
}
