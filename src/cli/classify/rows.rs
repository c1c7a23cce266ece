//! Rows of the output, put together from what was loaded and what the network said.

use std::time::Duration;

use super::batcher::{Answer, Answered};
use crate::clip::{self, Loaded, SourceFrame};
use crate::recognise::{
    ClipName, FrameRange, Labels, Prediction, Row, RowError, ScoreError, Scores, Timings,
};
use crate::show::Picture;

/// What rows show, by the user's choice.
pub struct RowOptions<'a> {
    /// Names of the classes.
    pub labels: &'a Labels,
    /// Classes per row.
    pub topk: usize,
    /// Scores below are uncertain.
    pub min_score: Option<f32>,
    /// Whether rows carry all logits.
    pub logits: bool,
    /// Whether rows are about parts of clips, and say which.
    pub parts: bool,
    /// The engine's name.
    pub engine: String,
}

impl RowOptions<'_> {
    /// The row of an answer.
    pub fn row(&self, answered: &Answered) -> Row {
        let clip = ClipName::new(&answered.entry.path);
        match &answered.outcome {
            Ok((loaded, answer)) => match &answer.scores {
                Ok(scores) => Row::Answer(self.prediction(clip, loaded, answer, scores)),
                Err(error) => self.not_scored(clip, loaded, error),
            },
            Err(error) => Row::Failed(RowError {
                clip,
                range: None,
                error: one_line(error),
            }),
        }
    }

    fn not_scored(&self, clip: ClipName, loaded: &Loaded, error: &ScoreError) -> Row {
        Row::Failed(RowError {
            clip,
            range: self.range(loaded),
            error: error.to_string(),
        })
    }

    fn prediction(
        &self,
        clip: ClipName,
        loaded: &Loaded,
        answer: &Answer,
        scores: &Scores,
    ) -> Prediction {
        let sources = || loaded.views.iter().flat_map(|view| view.sources());
        let top = scores.top(self.topk, self.labels);
        let best = top.first().map_or(0.0, |class| class.score);
        Prediction {
            clip,
            range: self.range(loaded),
            source_frames: loaded.source_frames,
            frames: sources().map(|source| source.index).collect(),
            frame_names: sources().filter_map(name).collect(),
            views: loaded.views.len(),
            uncertain: self.min_score.is_some_and(|limit| best < limit),
            top,
            logits: self.logits.then(|| scores.logits().to_vec()),
            timings: Timings {
                decode_ms: milliseconds(loaded.elapsed),
                forward_ms: milliseconds(answer.forward),
            },
            engine: self.engine.clone(),
        }
    }

    fn range(&self, loaded: &Loaded) -> Option<FrameRange> {
        self.parts.then(|| FrameRange {
            start_frame: loaded.range.start,
            end_frame: loaded.range.end,
            start_seconds: loaded.seconds.map(|(start, _)| start),
            end_seconds: loaded.seconds.map(|(_, end)| end),
        })
    }
}

/// The frames of the first view, to be looked at.
pub fn with_pictures<T>(loaded: &Loaded, show: impl FnOnce(&[Picture]) -> T) -> T {
    let Some(view) = loaded.views.first() else {
        return show(&[]);
    };
    let names: Vec<Option<String>> = view.sources().iter().map(name).collect();
    let pictures: Vec<Picture> = view
        .iter()
        .zip(view.sources())
        .zip(&names)
        .map(|((rgb, source), name)| Picture {
            rgb,
            side: crate::recipe::FRAME_SIZE,
            index: source.index,
            name: name.as_deref(),
        })
        .collect();
    show(&pictures)
}

fn name(source: &SourceFrame) -> Option<String> {
    let name = source.path.as_ref()?.file_name()?;
    Some(name.to_string_lossy().into_owned())
}

/// The error with its causes.
fn one_line(error: &clip::ClipError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

fn milliseconds(duration: Duration) -> f64 {
    // To the microsecond: more digits are noise.
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
