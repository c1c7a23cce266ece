//! What a page says about answers that were judged: the worst mistakes, which classes are confused, measures per class,
//! calibration, failures and the list of clips.

use std::io;

use askama::Template;

use super::clips::ClipList;
use super::confusion::{Matrix, Pair};
use super::mistakes::{Mistake, MistakeFrames};
use super::reliability::{Bar, bars};
use crate::recognise::evaluation::{Calibration, ClassMeasures};
use crate::show::evaluation::Summary;
use crate::show::words::percentage;
use crate::text::number::thousands;
use crate::text::one_line;

/// Failures that are listed; more are counted.
const FAILURES: usize = 200;
/// Pairs of classes that are listed.
const PAIRS: usize = 20;

/// Why a page shows no frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoFrames {
    /// The scores come from files, and the clips were not opened.
    Predictions,
    /// The run was stopped.
    Stopped,
}

/// The sections of a page, in HTML.
#[derive(Template)]
#[template(path = "answers.html", config = "src/show/templates/askama.toml")]
pub(in crate::show) struct Answers {
    pub answered: usize,
    pub failed: usize,
    /// Answers that are wrong.
    pub wrong: usize,
    mistakes: Vec<Mistake>,
    no_frames: Option<NoFrames>,
    failures: Vec<(String, String)>,
    pairs: Vec<Pair>,
    all_pairs: usize,
    matrix: Matrix,
    classes: Vec<ClassRow>,
    calibration: Calibration,
    bars: Vec<Bar>,
    /// Clips in `data`.
    listed: usize,
    /// What the page's script reads.
    pub data: String,
}

/// A row of the table of classes.
struct ClassRow {
    index: usize,
    label: String,
    measures: ClassMeasures,
    /// The class that it is taken for most often.
    taken_for: Option<Pair>,
}

impl Answers {
    /// The script of a page with these sections, and with `answers_tools.html` before them.
    pub(in crate::show) const SCRIPT: &'static str = include_str!("../../templates/evaluation.js");

    /// The sections on `clips`, which are those of `summary`. `frames` are those of the worst mistakes, in the order of
    /// [`ClipList::worst`], or why there are none; `failures` are clips that could not be used, with their errors.
    ///
    /// # Errors
    /// More classes than a picture can have.
    pub(in crate::show) fn new(
        clips: &ClipList,
        summary: &Summary,
        frames: Result<Vec<MistakeFrames>, NoFrames>,
        failures: &[(String, String)],
    ) -> io::Result<Self> {
        let evaluation = summary.evaluation;
        let pairs = evaluation.most_confused();
        let classes = evaluation.per_class().into_iter().enumerate();
        let list = clips.as_json(summary)?;
        let no_frames = frames.as_ref().err().copied();
        let mut frames = frames.unwrap_or_default().into_iter();
        let mistakes = clips.worst_entries().into_iter();
        Ok(Self {
            answered: evaluation.answered() as usize,
            failed: failures.len(),
            wrong: clips.wrong(),
            mistakes: mistakes
                .map(|entry| Mistake::new(entry, frames.next().unwrap_or_default(), summary.labels))
                .collect(),
            no_frames,
            failures: failures
                .iter()
                .take(FAILURES)
                .map(|(clip, error)| (one_line(clip), one_line(error)))
                .collect(),
            pairs: pairs
                .iter()
                .take(PAIRS)
                .map(|pair| Pair::new(pair, summary))
                .collect(),
            all_pairs: pairs.len(),
            matrix: Matrix::new(summary)?,
            classes: classes
                .map(|(index, measures)| ClassRow {
                    index,
                    label: one_line(&summary.labels[index]),
                    measures,
                    taken_for: pairs
                        .iter()
                        .find(|pair| pair.truth == index)
                        .map(|pair| Pair::new(pair, summary)),
                })
                .collect(),
            calibration: evaluation.calibration(),
            bars: bars(&evaluation.calibration()),
            listed: list.listed,
            data: list.json,
        })
    }

    /// Whether there are so few classes that the page has room for more at its top.
    pub(in crate::show) fn has_few_classes(&self) -> bool {
        self.classes.len() <= 20
    }
}

/// `10,000`.
fn number(value: &u64) -> String {
    thousands(*value as usize)
}

/// `0.9312`.
fn four(value: &f64) -> String {
    format!("{value:.4}")
}

/// `93.1%`, or a dash where there is nothing to divide by.
fn share(value: &Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{:.1}%", value * 100.0))
}
