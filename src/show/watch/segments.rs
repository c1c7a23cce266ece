//! Steps with the same answer, one after the other, as one row of the report.

use super::row::StepRow;
use crate::clip::Given;
use crate::recipe::FRAME_SIZE;
use crate::recognise::online::Step;
use crate::recognise::{Class, ClipName, FrameRange, Labels, Prediction, Row, Timings};
use crate::show::picture::Picture;

/// Steps of one source with the same best class, all certain or all not.
#[derive(Debug, Clone)]
pub struct Segment {
    source: String,
    class: usize,
    is_uncertain: bool,
    steps: usize,
    first_frame: u64,
    start_seconds: f64,
    last_frame: u64,
    end_seconds: f64,
    /// Sums of the averaged scores, `[classes]`.
    sums: Vec<f64>,
    /// The step whose best class is the surest.
    surest: Surest,
}

#[derive(Debug, Clone)]
struct Surest {
    score: f32,
    logits: Vec<f32>,
    forward_ms: f64,
    /// The frames that it looked at, by their numbers; they may repeat.
    memory: Vec<u64>,
    /// Numbers and pixels, RGB, `[224, 224, 3]`.
    frames: Vec<(u64, Vec<u8>)>,
}

impl Surest {
    fn new<'a>(step: &Step, row: &StepRow, memory: impl Iterator<Item = (u64, &'a [u8])>) -> Self {
        Self {
            score: step.best(),
            logits: step.scores.logits().to_vec(),
            forward_ms: row.forward_ms,
            memory: step.memory.clone(),
            frames: memory
                .map(|(number, pixels)| (number, pixels.to_vec()))
                .collect(),
        }
    }
}

/// The segment of a source that lasts.
#[derive(Debug, Default)]
pub struct Segments(Option<Segment>);

impl Segments {
    /// Adds a step, its row, and the frames that it looked at. Returns the segment that ended before it, if one did.
    pub fn add<'a>(
        &mut self,
        step: &Step,
        row: &StepRow,
        memory: impl Iterator<Item = (u64, &'a [u8])>,
    ) -> Option<Segment> {
        let class = row.averaged.first().map_or(0, |guess| guess.index);
        let goes_on = |segment: &&mut Segment| {
            (segment.class, segment.is_uncertain) == (class, row.uncertain)
        };
        let Some(segment) = self.0.as_mut().filter(goes_on) else {
            return self.0.replace(Segment {
                source: row.source.clone(),
                class,
                is_uncertain: row.uncertain,
                steps: 1,
                first_frame: row.first_frame,
                start_seconds: row.start_seconds,
                last_frame: row.last_frame,
                end_seconds: row.end_seconds,
                sums: step.averaged.clone(),
                surest: Surest::new(step, row, memory),
            });
        };
        segment.steps += 1;
        segment.last_frame = row.last_frame;
        segment.end_seconds = row.end_seconds;
        for (sum, score) in segment.sums.iter_mut().zip(&step.averaged) {
            *sum += score;
        }
        if step.best() > segment.surest.score {
            segment.surest = Surest::new(step, row, memory);
        }
        None
    }

    /// The segment that lasts, which ends.
    pub fn finish(&mut self) -> Option<Segment> {
        self.0.take()
    }
}

impl Segment {
    /// How many steps it has.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The row of the report: the span of all its steps, with the mean of their averaged scores and the frames of the surest.
    pub fn row(&self, [engine, precision]: [&str; 2], labels: &Labels, topk: usize) -> Row {
        let mut order: Vec<usize> = (0..self.sums.len()).collect();
        order.sort_by(|&a, &b| self.sums[b].total_cmp(&self.sums[a]));
        order.truncate(topk);
        let class = |index: usize| Class {
            index,
            label: labels.get(index).into_owned(),
            score: (self.sums[index] / self.steps as f64) as f32,
            logit: self.surest.logits[index],
        };
        let surest = &self.surest;
        Row::Answer(Prediction {
            clip: ClipName::new(&self.source),
            range: Some(FrameRange {
                start_frame: self.first_frame as usize,
                end_frame: self.last_frame as usize + 1,
                start_seconds: Some(self.start_seconds),
                end_seconds: Some(self.end_seconds),
            }),
            source_frames: (self.last_frame + 1 - self.first_frame) as usize,
            frames: surest.memory.iter().map(|&frame| frame as usize).collect(),
            frame_names: Vec::new(),
            views: 1,
            uncertain: self.is_uncertain,
            top: order.into_iter().map(class).collect(),
            logits: None,
            timings: Some(Timings {
                decode_ms: 0.0,
                forward_ms: surest.forward_ms,
            }),
            given: Given::default(),
            engine: engine.to_owned(),
            precision: precision.to_owned(),
            decoder: None,
        })
    }

    /// The frames of the surest step.
    pub fn pictures(&self) -> Vec<Picture<'_>> {
        let frames = self.surest.frames.iter();
        frames
            .map(|(number, rgb)| Picture {
                rgb,
                side: FRAME_SIZE,
                index: *number as usize,
                name: None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::recognise::Scores;
    use crate::show::watch::StepShown;

    /// The spans and the best scores of the segments of steps with these averaged scores of class 0 of 2.
    fn segments(scores: &[f64], min_score: f32) -> Vec<(u64, u64, f32, bool)> {
        let (mut segments, mut found) = (Segments::default(), Vec::new());
        let labels = Labels::numbered();
        let shown = StepShown {
            source: "camera",
            labels: &labels,
            topk: 1,
            min_score: Some(min_score),
        };
        for (number, score) in scores.iter().enumerate() {
            let number = number as u64;
            let step = Step {
                number,
                frames: (number * 16, number * 16 + 15),
                seconds: (number as f64, number as f64 + 0.9),
                memory: vec![0; 4],
                computed: 8,
                scores: Scores::from_logits(&[0.0, 0.0]).unwrap(),
                averaged: vec![*score, 1.0 - score],
                current: None,
                ended: Vec::new(),
                is_last: false,
                arrived: Instant::now(),
                forward: Duration::ZERO,
            };
            let row = StepRow::new(&step, &shown, 0, Duration::ZERO);
            let pixels = [number as u8; 3];
            found.extend(segments.add(&step, &row, [(number, &pixels[..])].into_iter()));
        }
        found.extend(segments.finish());
        let span = |segment: &Segment| {
            let Row::Answer(row) = segment.row(["winograd", "fp32"], &labels, 1) else {
                panic!("a segment has an answer");
            };
            (
                segment.first_frame,
                segment.surest.frames[0].0,
                row.top[0].score,
                row.uncertain,
            )
        };
        found.iter().map(span).collect()
    }

    #[test]
    fn steps_with_the_same_answer_are_one_with_the_frames_of_the_surest() {
        assert_eq!(
            segments(&[0.75, 1.0, 0.5, 0.25, 0.0], 0.0),
            [(0, 1, 0.75, false), (48, 4, 0.875, false)]
        );
    }

    #[test]
    fn what_is_uncertain_stands_by_itself() {
        assert_eq!(
            segments(&[0.75, 0.625, 0.875], 0.7),
            [
                (0, 0, 0.75, false),
                (16, 1, 0.625, true),
                (32, 2, 0.875, false)
            ]
        );
    }
}
