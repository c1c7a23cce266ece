use std::io::{self, Write};

use serde::Serialize;

use super::summary::{LeftOut, RANK_RULE, Summary};
use crate::recognise::ClipName;
use crate::recognise::evaluation::{Calibration, ClassMeasures, Share};
use crate::show::ending::Ending;

#[derive(Serialize)]
struct Json<'a> {
    complete: bool,
    clips: Clips,
    top: Vec<Top>,
    mean_class_accuracy: Mean,
    #[serde(skip_serializing_if = "Option::is_none")]
    confident: Option<Confident>,
    calibration: Calibration,
    #[serde(skip_serializing_if = "Option::is_none")]
    clips_per_second: Option<f64>,
    classes: Vec<Class<'a>>,
    confusion: Vec<&'a [u64]>,
    failures: Vec<Failure<'a>>,
    settings: Vec<Setting<'a>>,
    rule: &'static str,
}

#[derive(Serialize)]
struct Clips {
    answered: u64,
    failed: u64,
    #[serde(flatten)]
    left_out: LeftOut,
}

#[derive(Serialize)]
struct Top {
    k: usize,
    #[serde(flatten)]
    share: Share,
}

#[derive(Serialize)]
struct Mean {
    mean: Option<f64>,
    classes: usize,
    classes_without_clips: usize,
}

#[derive(Serialize)]
struct Confident {
    min_score: f32,
    coverage: Share,
    accuracy: Share,
}

#[derive(Serialize)]
struct Class<'a> {
    index: usize,
    label: &'a str,
    #[serde(flatten)]
    measures: ClassMeasures,
}

#[derive(Serialize)]
struct Failure<'a> {
    #[serde(flatten)]
    clip: &'a ClipName,
    error: &'a str,
}

#[derive(Serialize)]
struct Setting<'a> {
    name: &'a str,
    value: &'a str,
}

/// Writes the summary as one object; `docs/json.md` describes it.
///
/// # Errors
/// Those of the sink.
pub fn write_json(mut sink: impl Write, summary: &Summary) -> io::Result<()> {
    serde_json::to_writer(&mut sink, &Json::new(summary))?;
    writeln!(sink)?;
    sink.flush()
}

/// Writes the same object as `evaluation` of another one: the last of the lines of clips.
///
/// # Errors
/// Those of the sink.
pub fn write_last_line(mut sink: impl Write, summary: &Summary) -> io::Result<()> {
    let line = LastLine {
        evaluation: Json::new(summary),
    };
    serde_json::to_writer(&mut sink, &line)?;
    writeln!(sink)?;
    sink.flush()
}

#[derive(Serialize)]
struct LastLine<'a> {
    evaluation: Json<'a>,
}

impl<'a> Json<'a> {
    fn new(summary: &'a Summary) -> Self {
        let evaluation = summary.evaluation;
        let (mean, classes) = evaluation.mean_class_accuracy();
        let confident = evaluation.confident().zip(summary.min_score);
        let measures = evaluation.per_class().into_iter().enumerate();
        Self {
            complete: summary.ending == Ending::Complete,
            clips: Clips {
                answered: evaluation.answered(),
                failed: evaluation.failed(),
                left_out: summary.left_out,
            },
            top: summary
                .ks()
                .into_iter()
                .map(|k| Top {
                    k,
                    share: evaluation.top(k),
                })
                .collect(),
            mean_class_accuracy: Mean {
                mean,
                classes,
                classes_without_clips: evaluation.classes() - classes,
            },
            confident: confident.map(|([coverage, accuracy], min_score)| Confident {
                min_score,
                coverage,
                accuracy,
            }),
            calibration: evaluation.calibration(),
            clips_per_second: summary
                .speed
                .map(|(clips, seconds)| clips as f64 / seconds.max(1e-9)),
            classes: measures
                .map(|(index, measures)| Class {
                    index,
                    label: &summary.labels[index],
                    measures,
                })
                .collect(),
            confusion: evaluation
                .confusion()
                .chunks_exact(evaluation.classes().max(1))
                .collect(),
            failures: summary
                .failures
                .iter()
                .map(|(clip, error)| Failure { clip, error })
                .collect(),
            settings: summary
                .settings
                .iter()
                .map(|(name, value)| Setting { name, value })
                .collect(),
            rule: RANK_RULE,
        }
    }
}
