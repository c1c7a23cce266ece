//! The measures on standard output and in files, as they come in.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use anyhow::{Context, anyhow};

use super::args::{Args, EvaluationFormat};
use crate::cli::exit::Failure;
use crate::cli::pictures::page_size;
use crate::cli::say::say;
use crate::file::NewFile;
use crate::recognise::ClipName;
use crate::recognise::evaluation::{Evaluation, Sample};
use crate::show::Ending;
use crate::show::evaluation::{
    ConfusionFormat, EvaluationPage, LeftOut, MistakeFrames, NoFrames, SampleLine, Summary,
    confusion_picture, write_classes, write_confusion, write_json, write_last_line, write_text,
};
use crate::show::report::About;
use crate::text::{counted, terminal};

/// What an evaluation writes.
pub(super) struct Output<'a> {
    args: &'a Args,
    labels: Vec<String>,
    settings: BTreeMap<String, String>,
    evaluation: Evaluation,
    failures: Vec<(ClipName, String)>,
    confusion: Option<NewFile>,
    page: Option<EvaluationPage>,
}

/// What is known of an evaluation when it ends.
pub(super) struct End {
    /// Clips that were left out.
    pub left_out: LeftOut,
    /// Answers that the network gave in this run, and the seconds they took.
    pub speed: Option<(usize, f64)>,
    /// Whether all clips were looked at.
    pub ending: Ending,
    /// The frames of the worst mistakes.
    pub frames: Result<Vec<MistakeFrames>, NoFrames>,
}

impl<'a> Output<'a> {
    /// Nothing written yet. Files are begun now, so that a path that cannot be written shows before the work.
    pub(super) fn new(
        args: &'a Args,
        labels: Vec<String>,
        settings: BTreeMap<String, String>,
        about: About,
    ) -> anyhow::Result<Self> {
        let confusion = args.confusion.as_deref().map(NewFile::create);
        let page = args.report.as_deref();
        let page = page.map(|path| EvaluationPage::create(path, about));
        Ok(Self {
            evaluation: Evaluation::new(labels.len(), args.min_score),
            confusion: confusion.transpose()?,
            page: page.transpose()?,
            failures: Vec::new(),
            args,
            labels,
            settings,
        })
    }

    /// Counts a sample, and writes its line where there are lines.
    pub(super) fn add(&mut self, sample: &Sample) -> io::Result<()> {
        let judged = self.evaluation.add(sample);
        if let Err(error) = &sample.scores {
            self.failures.push((sample.clip.clone(), error.clone()));
        }
        if let Some(page) = &mut self.page {
            page.add(sample, judged);
        }
        if self.args.format == EvaluationFormat::Jsonl {
            let line = SampleLine::new(sample, judged, &self.labels);
            let mut line = serde_json::to_vec(&line)?;
            line.push(b'\n');
            let mut stdout = io::stdout().lock();
            stdout.write_all(&line)?;
            stdout.flush()?;
        }
        Ok(())
    }

    /// The share of right answers so far, 0 to 1.
    pub(super) fn accuracy(&self) -> Option<f64> {
        self.evaluation.top(1).share
    }

    /// The clips whose frames the page is to show.
    pub(super) fn worst(&self) -> Vec<ClipName> {
        let worst = self.page.as_ref().map(EvaluationPage::worst);
        worst.into_iter().flatten().cloned().collect()
    }

    /// Writes the measures. Returns the error that clips failed, if some did.
    pub(super) fn finish(mut self, end: End) -> Result<Option<Failure>, Failure> {
        let summary = Summary {
            evaluation: &self.evaluation,
            labels: &self.labels,
            topk: self.args.topk,
            min_score: self.args.min_score,
            left_out: end.left_out,
            failures: &self.failures,
            speed: end.speed,
            settings: &self.settings,
            ending: end.ending,
        };
        let is_quiet = self.args.speech.quiet;
        if let Some(file) = self.confusion.take() {
            write_matrix(file, &summary, is_quiet)?;
        }
        if let (Some(page), Some(path)) = (self.page.take(), &self.args.report) {
            let size = page_size(page.finish(&summary, end.frames)?);
            if !is_quiet {
                say(format_args!("eco: wrote {} {size}", path.display()));
            }
        }
        let stdout = BufWriter::new(io::stdout().lock());
        match self.args.format {
            EvaluationFormat::Text => {
                let width = terminal::width(io::stdout()).unwrap_or(80);
                write_text(stdout, &summary, width)?;
            }
            EvaluationFormat::Json => write_json(stdout, &summary)?,
            EvaluationFormat::Jsonl => write_last_line(stdout, &summary)?,
            EvaluationFormat::Csv => write_classes(stdout, &self.evaluation, &self.labels)?,
        }
        let all = self.evaluation.answered() + self.evaluation.failed();
        Ok(self.failures.first().map(|(clip, error)| {
            let failed = self.failures.len();
            let clip = clip.text();
            // Most errors name the clip themselves.
            let first = match error.contains(&*clip) {
                true => error.clone(),
                false => format!("{clip}: {error}"),
            };
            let clips = counted(all as usize, "clip", "clips");
            anyhow!("{failed} of {clips} failed; the first: {first}").into()
        }))
    }
}

/// Writes the confusion matrix in the form that the file's name says.
fn write_matrix(mut file: NewFile, summary: &Summary, is_quiet: bool) -> anyhow::Result<()> {
    let path = file.path().to_owned();
    let cannot = || format!("cannot write {}", path.display());
    match ConfusionFormat::of(&path)? {
        ConfusionFormat::Csv => {
            write_confusion(&mut file, summary.evaluation, summary.labels).with_context(cannot)?;
        }
        ConfusionFormat::Png => {
            let (png, missing) =
                confusion_picture(summary.evaluation, summary.labels).with_context(cannot)?;
            file.write_all(&png).with_context(cannot)?;
            if !missing.is_empty() && !is_quiet {
                say(format_args!(
                    "eco: no font on this system has {missing}: {} shows boxes instead",
                    path.display()
                ));
            }
        }
    }
    file.finish()?;
    Ok(())
}
