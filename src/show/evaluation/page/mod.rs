//! An evaluation as one self-contained HTML page.

mod answers;
mod clips;
mod confusion;
mod figures;
mod mistakes;
mod reliability;

use std::path::Path;
use std::time::SystemTime;

use askama::Template;

pub(in crate::show) use answers::Answers;
pub use answers::NoFrames;
pub use clips::{ClipList, WORST};
pub(in crate::show) use figures::{Figure, of as figures};
pub use mistakes::MistakeFrames;

use super::summary::{LeftOut, RANK_RULE, Summary};
use crate::file::{FileError, NewFile};
use crate::recognise::ClipName;
use crate::recognise::evaluation::{Judgement, Sample};
use crate::show::report::About;
use crate::show::words::{counted, day_and_minute};
use crate::text::iso_date;
use crate::text::number::thousands;

/// A page under construction.
#[derive(Debug)]
pub struct EvaluationPage {
    target: NewFile,
    about: About,
    clips: ClipList,
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
        self.clips.worst()
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
        let failures = summary.failures.iter();
        let failures: Vec<(String, String)> = failures
            .map(|(clip, error)| (clip.text(), error.clone()))
            .collect();
        Answers::new(&self.clips, summary, frames, &failures)
            .map(|answers| page(&self.about, summary, answers))
            .and_then(|page| page.write_into(&mut self.target))
            .map_err(|source| self.target.failed(source))?;
        self.target.finish()
    }
}

fn page<'a>(about: &'a About, summary: &'a Summary, answers: Answers) -> Page<'a> {
    let evaluation = summary.evaluation;
    let all = (evaluation.answered() + evaluation.failed()) as usize;
    Page {
        title: format!(
            "ECO evaluation: {}, {}",
            counted(&all, "clip"),
            classes_text(evaluation.classes())
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
        left_out: summary.left_out,
        figures: figures(summary),
        rule: RANK_RULE,
        answers,
        script: Answers::SCRIPT,
    }
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
    left_out: LeftOut,
    figures: Vec<Figure>,
    rule: &'static str,
    answers: Answers,
    script: &'static str,
}

/// `3 classes`.
fn classes_text(count: usize) -> String {
    match count {
        1 => "1 class".to_owned(),
        _ => format!("{} classes", thousands(count)),
    }
}
