//! The result of a training on standard output.

use std::collections::BTreeMap;
use std::io::{self, BufWriter};

use super::args::{Args, TrainFormat};
use crate::recognise::ClipName;
use crate::recognise::evaluation::{Evaluation, Sample};
use crate::show::Ending;
use crate::show::evaluation::{LeftOut, Summary};
use crate::show::training::{TrainingSummary, write_json, write_text};

/// Clips with their classes and scores, counted.
pub(super) fn evaluated(
    classes: usize,
    judged: impl Iterator<Item = (ClipName, usize, Result<Vec<f32>, String>)>,
) -> Evaluation {
    let mut evaluation = Evaluation::new(classes, None);
    for (clip, truth, scores) in judged {
        evaluation.add(&Sample {
            clip,
            range: None,
            truth,
            scores,
        });
    }
    evaluation
}

/// The evaluation as it is shown.
pub(super) fn shown<'a>(
    evaluation: &'a Evaluation,
    labels: &'a [String],
    settings: &'a BTreeMap<String, String>,
) -> Summary<'a> {
    Summary {
        evaluation,
        labels,
        topk: 5,
        min_score: None,
        left_out: LeftOut::default(),
        failures: &[],
        speed: None,
        settings,
        ending: Ending::Complete,
    }
}

/// Writes the summary.
///
/// # Errors
/// Those of standard output.
pub(super) fn write(args: &Args, summary: &TrainingSummary) -> io::Result<()> {
    let stdout = BufWriter::new(io::stdout().lock());
    match args.format {
        TrainFormat::Text => write_text(stdout, summary),
        TrainFormat::Json => write_json(stdout, summary),
    }
}
