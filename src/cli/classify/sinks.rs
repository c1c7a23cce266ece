//! Everything that `eco classify` writes.

use std::io;
use std::path::PathBuf;

use anyhow::Context;

use super::args::OutputFlags;
use crate::clip::{Loaded, SourceFrame};
use crate::recipe::FRAME_SIZE;
use crate::recognise::{Answer, Outcome, Recogniser, Row};
use crate::show::report::{About, ReportPage};
use crate::show::sheet::write_sheet;
use crate::show::values::{Content, ValuesFile};
use crate::show::{Colour, Ending, Picture, RowWriter, Strip, StripSize, TextStyle};
use crate::text::terminal;

/// Up to so many clips, a report shows frames in full size.
const FEW_CLIPS: usize = 12;
/// Beyond so many, they are small, so that a browser can still open the page.
const MANY_CLIPS: usize = 500;
/// From this size on, in bytes, a page is worth a warning.
const LARGE_PAGE: u64 = 100_000_000;

/// Standard output and the files asked for.
pub struct Sinks {
    rows: Box<dyn RowWriter>,
    report: Option<ReportPage>,
    /// Answers there will be, where that is known.
    answers: Option<usize>,
    features: Option<ValuesFile>,
    scores: Option<ValuesFile>,
    sheet: Option<PathBuf>,
}

impl Sinks {
    /// Opens all of them, so that a file that cannot be written is known before the work. `answers` is how many there will
    /// be, where that is known.
    pub fn open(
        flags: &OutputFlags,
        about: About,
        recogniser: &Recogniser,
        answers: Option<usize>,
    ) -> anyhow::Result<Self> {
        let report = flags
            .report
            .as_deref()
            .map(|path| ReportPage::create(path, about));
        let weights = recogniser.weights();
        let features = flags.features.as_deref().map(|path| {
            let columns = (0..weights.features()).map(|index| index.to_string());
            ValuesFile::create(path, Content::Features, columns.collect())
        });
        let scores = flags.scores.as_deref().map(|path| {
            let labels = recogniser.labels().all(weights.classes());
            ValuesFile::create(path, Content::Scores, labels)
        });
        Ok(Self {
            rows: flags.format.writer(io::stdout().lock(), text_style()),
            report: report.transpose()?,
            answers,
            features: features.transpose()?,
            scores: scores.transpose()?,
            sheet: flags.sheet.clone(),
        })
    }

    /// Writes an answer, which `row` shows, everywhere.
    pub fn write(&mut self, answer: &Answer, row: &Row) -> anyhow::Result<()> {
        self.rows.write(row)?;
        if let Some(report) = &mut self.report {
            let strip = match answer.outcome.loaded() {
                Some(loaded) => {
                    let size = strip_size(self.answers, report.clips());
                    with_pictures(loaded, |pictures| Strip::new(pictures, size))?
                }
                None => Strip::empty(),
            };
            report.add(row, &strip)?;
        }
        let Outcome::Scored {
            loaded,
            scores,
            features,
            ..
        } = &answer.outcome
        else {
            return Ok(());
        };
        if let Some(table) = &mut self.features {
            table.add(row, features)?;
        }
        if let Some(table) = &mut self.scores {
            table.add(row, &scores.scores())?;
        }
        if let (Some(path), Row::Answer(prediction)) = (&self.sheet, row) {
            with_pictures(loaded, |pictures| write_sheet(path, prediction, pictures))
                .context("no contact sheet")?;
        }
        Ok(())
    }

    /// Completes standard output and puts the files in their places. Returns what there is to say about them.
    pub fn finish(mut self, ending: Ending) -> anyhow::Result<Option<String>> {
        let mut note = None;
        if let Some(report) = self.report {
            let bytes = report.finish()?;
            note = (bytes >= LARGE_PAGE).then(|| {
                let megabytes = bytes / 1_000_000;
                format!("the report is {megabytes} MB; browsers will be slow to open it")
            });
        }
        for table in [self.features, self.scores].into_iter().flatten() {
            table.finish()?;
        }
        // Last, since its reader may have gone, which is no reason to lose the files.
        self.rows.finish(ending)?;
        Ok(note)
    }
}

/// The frames of the first view, to be looked at.
fn with_pictures<T>(loaded: &Loaded, show: impl FnOnce(&[Picture]) -> T) -> T {
    let Some(view) = loaded.views.first() else {
        return show(&[]);
    };
    let names: Vec<Option<String>> = view.sources().iter().map(SourceFrame::name).collect();
    let pictures: Vec<Picture> = view
        .iter()
        .zip(view.sources())
        .zip(&names)
        .map(|((rgb, source), name)| Picture {
            rgb,
            side: FRAME_SIZE,
            index: source.index,
            name: name.as_deref(),
        })
        .collect();
    show(&pictures)
}

/// How large the frames of the next clip are, after `done` clips of perhaps known `answers`.
fn strip_size(answers: Option<usize>, done: usize) -> StripSize {
    match answers {
        Some(answers) if answers <= FEW_CLIPS => StripSize::Full,
        _ if answers.unwrap_or(done) <= MANY_CLIPS => StripSize::Half,
        _ => StripSize::Quarter,
    }
}

/// Colours and width for standard output: terminals have both, `NO_COLOR` is respected.
fn text_style() -> TextStyle {
    let stdout = io::stdout();
    let colour = match anstream::AutoStream::choice(&stdout) {
        anstream::ColorChoice::Never => Colour::Never,
        _ => Colour::Always,
    };
    TextStyle {
        width: terminal::width(&stdout).unwrap_or(TextStyle::default().width),
        colour,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_get_smaller_the_more_clips_there_are() {
        assert_eq!(strip_size(Some(12), 0), StripSize::Full);
        assert_eq!(strip_size(Some(13), 0), StripSize::Half);
        assert_eq!(strip_size(Some(3000), 0), StripSize::Quarter);
        assert_eq!(strip_size(None, 0), StripSize::Half);
        assert_eq!(strip_size(None, 3000), StripSize::Quarter);
    }
}
