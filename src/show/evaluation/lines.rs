use serde::Serialize;

use crate::recognise::evaluation::{Judgement, Sample};
use crate::recognise::{ClipName, FrameRange};

/// One clip of an evaluation, as a line of JSON.
#[derive(Debug, Serialize)]
pub struct SampleLine {
    #[serde(flatten)]
    clip: ClipName,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<FrameRange>,
    truth: LineClass,
    #[serde(skip_serializing_if = "Option::is_none")]
    predicted: Option<LineClass>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A class by index and name.
#[derive(Debug, Serialize)]
pub struct LineClass {
    index: usize,
    label: String,
}

impl LineClass {
    fn new(index: usize, labels: &[String]) -> Self {
        Self {
            index,
            label: labels[index].clone(),
        }
    }
}

impl SampleLine {
    /// The line of a sample and what it is worth.
    pub fn new(sample: &Sample, judged: Option<Judgement>, labels: &[String]) -> Self {
        let predicted = judged.and_then(|judged| judged.predicted);
        Self {
            clip: sample.clip.clone(),
            range: sample.range,
            truth: LineClass::new(sample.truth, labels),
            predicted: predicted.map(|class| LineClass::new(class, labels)),
            score: judged.map(|judged| judged.confidence),
            rank: judged.and_then(|judged| judged.rank),
            error: sample.scores.as_ref().err().cloned(),
        }
    }
}
