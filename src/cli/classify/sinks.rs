//! Everything that `eco classify` writes.

use std::io;
use std::path::PathBuf;

use anyhow::Context;

use super::args::Args;
use super::batcher::Answered;
use super::rows::{RowOptions, with_pictures};
use crate::network::FEATURES;
use crate::recognise::Row;
use crate::show::report::{About, ReportPage};
use crate::show::sheet::write_sheet;
use crate::show::values::{Content, ValuesFile};
use crate::show::{Colour, Ending, RowWriter, Strip, StripSize, TextStyle};
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
    /// Opens all of them, so that a file that cannot be written is known before the work.
    pub fn open(
        args: &Args,
        about: About,
        labels: Vec<String>,
        clips: Option<usize>,
    ) -> anyhow::Result<Self> {
        let report = args
            .report
            .as_deref()
            .map(|path| ReportPage::create(path, about));
        let features = args.features.as_deref().map(|path| {
            let columns = (0..FEATURES).map(|index| index.to_string()).collect();
            ValuesFile::create(path, Content::Features, columns)
        });
        let scores = args
            .scores
            .as_deref()
            .map(|path| ValuesFile::create(path, Content::Scores, labels));
        Ok(Self {
            rows: args.format.writer(io::stdout().lock(), text_style()),
            report: report.transpose()?,
            // Windows multiply them.
            answers: clips.filter(|_| args.window.is_none()),
            features: features.transpose()?,
            scores: scores.transpose()?,
            sheet: args.sheet.clone(),
        })
    }

    /// Writes an answer everywhere and returns its row.
    pub fn write(&mut self, answered: &Answered, options: &RowOptions) -> anyhow::Result<Row> {
        let row = options.row(answered);
        self.rows.write(&row)?;
        let Ok((loaded, answer)) = &answered.outcome else {
            self.report(&row, &Strip::empty())?;
            return Ok(row);
        };
        if let Some(report) = &self.report {
            let size = strip_size(self.answers, report.clips());
            let strip = with_pictures(loaded, |pictures| Strip::new(pictures, size))?;
            self.report(&row, &strip)?;
        }
        if let (Row::Answer(prediction), Ok(scores)) = (&row, &answer.scores) {
            if let Some(table) = &mut self.features {
                table.add(&row, &answer.features)?;
            }
            if let Some(table) = &mut self.scores {
                table.add(&row, &scores.scores())?;
            }
            if let Some(path) = &self.sheet {
                with_pictures(loaded, |pictures| write_sheet(path, prediction, pictures))
                    .context("no contact sheet")?;
            }
        }
        Ok(row)
    }

    fn report(&mut self, row: &Row, strip: &Strip) -> anyhow::Result<()> {
        if let Some(report) = &mut self.report {
            report.add(row, strip)?;
        }
        Ok(())
    }

    /// Completes standard output and puts the files in their places. Returns what there is to say about them.
    pub fn finish(mut self) -> anyhow::Result<Option<String>> {
        let mut note = None;
        if let Some(report) = self.report {
            let bytes = report.finish()?;
            note = (bytes >= LARGE_PAGE).then(|| {
                let megabytes = bytes / 1_000_000;
                format!("the report has {megabytes} MB, which a browser takes a while to open")
            });
        }
        for table in [self.features, self.scores].into_iter().flatten() {
            table.finish()?;
        }
        // Last, since its reader may have gone, which is no reason to lose the files.
        self.rows.finish(Ending::Complete)?;
        Ok(note)
    }
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
