//! The measures on standard output and in files, as they come in.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use anyhow::{Context, anyhow};
use serde_json::json;

use super::args::{Args, EvaluationFormat};
use crate::cli::exit::Failure;
use crate::file::NewFile;
use crate::recognise::ClipName;
use crate::recognise::evaluation::{Evaluation, Sample};
use crate::show::Ending;
use crate::show::evaluation::{
    SampleLine, Summary, write_classes, write_confusion, write_json, write_text,
};
use crate::text::{counted, terminal};

/// What an evaluation writes.
pub(super) struct Output<'a> {
    args: &'a Args,
    labels: Vec<String>,
    settings: BTreeMap<String, String>,
    evaluation: Evaluation,
    failures: Vec<(ClipName, String)>,
    confusion: Option<NewFile>,
}

impl<'a> Output<'a> {
    /// Nothing written yet. Files are begun now, so that a path that cannot be written shows before the work.
    pub(super) fn new(
        args: &'a Args,
        labels: Vec<String>,
        settings: BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        let confusion = args.confusion.as_deref().map(NewFile::create);
        Ok(Self {
            evaluation: Evaluation::new(labels.len(), args.min_score),
            confusion: confusion.transpose()?,
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

    /// Writes the measures. An error when clips failed.
    pub(super) fn finish(
        self,
        unlabelled: usize,
        speed: Option<(usize, f64)>,
        ending: Ending,
    ) -> Result<(), Failure> {
        let summary = Summary {
            evaluation: &self.evaluation,
            labels: &self.labels,
            topk: self.args.topk,
            min_score: self.args.min_score,
            unlabelled,
            failures: &self.failures,
            speed,
            settings: &self.settings,
            ending,
        };
        if let Some(mut file) = self.confusion {
            let path = file.path().to_owned();
            let cannot = || format!("cannot write {}", path.display());
            write_confusion(&mut file, &self.evaluation, &self.labels).with_context(cannot)?;
            file.finish()?;
        }
        let stdout = BufWriter::new(io::stdout().lock());
        match self.args.format {
            EvaluationFormat::Text => {
                let width = terminal::width(io::stdout()).unwrap_or(80);
                write_text(stdout, &summary, width)?;
            }
            EvaluationFormat::Json => write_json(stdout, &summary)?,
            EvaluationFormat::Jsonl => write_last(stdout, &summary)?,
            EvaluationFormat::Csv => write_classes(stdout, &self.evaluation, &self.labels)?,
        }
        match &self.failures[..] {
            [] => Ok(()),
            [(clip, error), ..] => {
                let all = self.evaluation.answered() + self.evaluation.failed();
                let failed = self.failures.len();
                let clip = clip.text();
                // Most errors name the clip themselves.
                let first = match error.contains(&*clip) {
                    true => error.clone(),
                    false => format!("{clip}: {error}"),
                };
                let clips = counted(all as usize, "clip", "clips");
                Err(anyhow!("{failed} of {clips} failed; the first: {first}").into())
            }
        }
    }
}

/// The measures as the last line.
fn write_last(mut sink: impl Write, summary: &Summary) -> io::Result<()> {
    let mut bytes = Vec::new();
    write_json(&mut bytes, summary)?;
    let measures: serde_json::Value = serde_json::from_slice(&bytes)?;
    writeln!(sink, "{}", json!({ "evaluation": measures }))?;
    sink.flush()
}
