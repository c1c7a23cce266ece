//! An evaluation as one self-contained HTML page.

mod clips;
mod confusion;
mod figures;
mod mistakes;
mod reliability;

use std::io;
use std::path::Path;
use std::time::SystemTime;

use askama::Template;

use clips::ClipList;
pub use clips::WORST;
use confusion::{Matrix, Pair};
use figures::Figure;
use mistakes::Mistake;
pub use mistakes::MistakeFrames;
use reliability::{Bar, bars};

use super::summary::{LeftOut, RANK_RULE, Summary};
use crate::file::{FileError, NewFile};
use crate::recognise::ClipName;
use crate::recognise::evaluation::{Calibration, ClassMeasures, Judgement, Sample};
use crate::show::report::About;
use crate::show::words::{counted, day_and_minute, percentage};
use crate::text::number::thousands;
use crate::text::{iso_date, one_line};

/// Failures that are listed; more are counted.
const FAILURES: usize = 200;
/// Pairs of classes that are listed.
const PAIRS: usize = 20;

/// A page under construction.
#[derive(Debug)]
pub struct EvaluationPage {
    target: NewFile,
    about: About,
    clips: ClipList,
}

/// Why a page shows no frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoFrames {
    /// The scores come from files, and the clips were not opened.
    Predictions,
    /// The run was stopped.
    Stopped,
}

impl EvaluationPage {
    /// Starts the page that will appear at `path`.
    ///
    /// # Errors
    /// [`FileError::Create`] when nothing can be written there.
    pub fn create(path: &Path, about: About) -> Result<Self, FileError> {
        Ok(Self {
            target: NewFile::create(path)?,
            about,
            clips: ClipList::default(),
        })
    }

    /// Adds a sample that has been judged. One without an answer is a failure, which the summary has.
    pub fn add(&mut self, sample: &Sample, judged: Option<Judgement>) {
        self.clips.add(sample, judged);
    }

    /// The clips whose answers are the worst mistakes: wrong, with the highest scores. At most [`WORST`].
    pub fn worst(&self) -> Vec<&ClipName> {
        let worst = self.clips.worst();
        worst.iter().map(|entry| &entry.clip).collect()
    }

    /// Completes the page with the frames of the worst mistakes, in the order of [`EvaluationPage::worst`], or why there are
    /// none. Puts it in its place and returns its size in bytes.
    ///
    /// # Errors
    /// [`FileError::Write`] when the disk is full.
    pub fn finish(
        mut self,
        summary: &Summary,
        frames: Result<Vec<MistakeFrames>, NoFrames>,
    ) -> Result<u64, FileError> {
        let no_frames = frames.as_ref().err().copied();
        let mut frames = frames.unwrap_or_default().into_iter();
        let mistakes = self
            .clips
            .worst()
            .into_iter()
            .map(|entry| Mistake::new(entry, frames.next().unwrap_or_default(), summary.labels))
            .collect();
        page(&self.about, &self.clips, summary, mistakes, no_frames)
            .and_then(|page| page.write_into(&mut self.target))
            .map_err(|source| self.target.failed(source))?;
        self.target.finish()
    }
}

fn page<'a>(
    about: &'a About,
    clips: &ClipList,
    summary: &'a Summary,
    mistakes: Vec<Mistake>,
    no_frames: Option<NoFrames>,
) -> io::Result<Page<'a>> {
    let evaluation = summary.evaluation;
    let pairs = evaluation.most_confused();
    let classes = evaluation.per_class().into_iter().enumerate();
    let list = clips.as_json(summary)?;
    let all = (evaluation.answered() + evaluation.failed()) as usize;
    Ok(Page {
        title: format!(
            "ECO evaluation: {}, {}",
            counted(&all, "clip"),
            classes_text(&evaluation.classes())
        ),
        skip: ("#mistakes", "Skip to the mistakes"),
        css: concat!(
            include_str!("../../templates/page.css"),
            include_str!("../../templates/evaluation.css")
        ),
        version: &about.version,
        date: iso_date(SystemTime::now()),
        note: about.note.as_deref(),
        incomplete: summary.ending.reason(),
        sections: [("Weights", &about.weights), ("Settings", &about.settings)],
        answered: evaluation.answered() as usize,
        failed: evaluation.failed() as usize,
        left_out: summary.left_out,
        figures: figures::of(summary),
        rule: RANK_RULE,
        failures: summary
            .failures
            .iter()
            .take(FAILURES)
            .map(|(clip, error)| (one_line(&clip.text()), one_line(error)))
            .collect(),
        wrong: clips.wrong(),
        mistakes,
        no_frames,
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
        script: include_str!("../../templates/evaluation.js"),
    })
}

/// A row of the table of classes.
struct ClassRow {
    index: usize,
    label: String,
    measures: ClassMeasures,
    /// The class that it is taken for most often.
    taken_for: Option<Pair>,
}

#[derive(Template)]
#[template(path = "evaluation.html", config = "src/show/templates/askama.toml")]
struct Page<'a> {
    title: String,
    skip: (&'static str, &'static str),
    css: &'static str,
    version: &'a str,
    /// ISO 8601, UTC.
    date: String,
    note: Option<&'a str>,
    incomplete: Option<String>,
    sections: [(&'static str, &'a [(String, String)]); 2],
    answered: usize,
    failed: usize,
    left_out: LeftOut,
    figures: Vec<Figure>,
    rule: &'static str,
    failures: Vec<(String, String)>,
    /// Answers that are wrong.
    wrong: usize,
    mistakes: Vec<Mistake>,
    no_frames: Option<NoFrames>,
    pairs: Vec<Pair>,
    all_pairs: usize,
    matrix: Matrix,
    classes: Vec<ClassRow>,
    calibration: Calibration,
    bars: Vec<Bar>,
    /// Clips in `data`.
    listed: usize,
    data: String,
    script: &'static str,
}

impl Page<'_> {
    fn few_facts(&self) -> bool {
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

/// `3 classes`.
fn classes_text(count: &usize) -> String {
    match count {
        1 => "1 class".to_owned(),
        _ => format!("{} classes", thousands(*count)),
    }
}
