//! Everything that `eco classify` writes.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Context;

use super::args::OutputFlags;
use crate::cli::pictures::{page_size, with_pictures};
use crate::file::{FileError, NewFile};
use crate::recognise::{Answer, Outcome, Recogniser, Row};
use crate::show::report::{About, ReportPage};
use crate::show::sheet::write_sheet;
use crate::show::values::{Content, ValuesFile};
use crate::show::{Colour, Ending, RowWriter, TextStyle};
use crate::text::terminal;

/// Standard output and the files asked for.
pub(super) struct Sinks {
    rows: Box<dyn RowWriter>,
    /// The file that rows go to, unless they go to standard output.
    output: Option<SharedFile>,
    report: Option<(PathBuf, ReportPage)>,
    /// Clips there are, where that is known.
    clips: Option<usize>,
    written: usize,
    features: Option<ValuesFile>,
    scores: Option<ValuesFile>,
    sheet: Option<PathBuf>,
    /// What there is to say about the files.
    notes: Vec<String>,
}

impl Sinks {
    /// Opens all of them, so that a file that cannot be written is known before the work. `clips` is how many there will be,
    /// where that is known.
    pub(super) fn open(
        flags: &OutputFlags,
        about: About,
        recogniser: &Recogniser,
        clips: Option<usize>,
    ) -> anyhow::Result<Self> {
        let output = flags
            .output
            .as_deref()
            .map(SharedFile::create)
            .transpose()?;
        let report = flags.report.as_deref().map(|path| {
            let page = ReportPage::create(path, about, flags.report_frames)?;
            Ok::<_, FileError>((path.to_owned(), page))
        });
        let weights = recogniser.weights();
        let features = flags.features.as_deref().map(|path| {
            let columns = (0..weights.features()).map(|index| index.to_string());
            ValuesFile::create(path, Content::Features, columns.collect())
        });
        let scores = flags.scores.as_deref().map(|path| {
            let labels = recogniser.labels().all(weights.classes());
            ValuesFile::create(path, Content::Scores, labels)
        });
        let precision = recogniser.engine().precision();
        let computed = |file: ValuesFile| file.computed_in(precision);
        Ok(Self {
            rows: match &output {
                Some(file) => flags.format.writer(file.clone(), TextStyle::default()),
                None => flags.format.writer(io::stdout().lock(), text_style()),
            },
            output,
            report: report.transpose()?,
            clips,
            written: 0,
            notes: Vec::new(),
            features: features.transpose()?.map(computed),
            scores: scores.transpose()?.map(computed),
            sheet: flags.sheet.clone(),
        })
    }

    /// Writes an answer, which `row` shows, everywhere.
    pub(super) fn write(&mut self, answer: &Answer, row: &Row) -> anyhow::Result<()> {
        self.rows.write(row)?;
        self.written += 1;
        if let Some((_, page)) = &mut self.report {
            let (place, answers) = answer.outcome.place();
            if let Some(clips) = self.clips {
                let clips_left = clips.saturating_sub(answer.clip + 1);
                page.expect(self.written + (answers - 1 - place) + clips_left * answers);
            }
            match answer.outcome.loaded() {
                Some(loaded) => with_pictures(loaded, |pictures| page.add(row, pictures))?,
                None => page.add(row, &[])?,
            }
        }
        let Outcome::Scored {
            loaded,
            scores,
            features,
            ..
        } = &answer.outcome
        else {
            let tables = [&mut self.features, &mut self.scores];
            tables.into_iter().flatten().for_each(ValuesFile::skip);
            return Ok(());
        };
        if let Some(table) = &mut self.features {
            table.add(row, features)?;
        }
        if let Some(table) = &mut self.scores {
            table.add(row, &scores.scores())?;
        }
        if let (Some(path), Row::Answer(prediction)) = (&self.sheet, row) {
            let missing = with_pictures(loaded, |pictures| write_sheet(path, prediction, pictures))
                .context("no contact sheet")?;
            self.notes.push(format!("wrote {}", path.display()));
            if !missing.is_empty() {
                self.notes.push(format!(
                    "no font on this system has {missing}: the sheet shows boxes instead"
                ));
            }
        }
        Ok(())
    }

    /// Completes standard output and puts the files in their places. Returns what there is to say about them.
    pub(super) fn finish(mut self, ending: Ending) -> anyhow::Result<Vec<String>> {
        if let Some((path, page)) = self.report {
            let bytes = page.finish(ending)?;
            let size = page_size(bytes);
            self.notes.push(format!("wrote {} {size}", path.display()));
        }
        for table in [self.features, self.scores].into_iter().flatten() {
            table.finish()?;
        }
        // Last, since its reader may have gone, which is no reason to lose the files.
        self.rows.finish(ending)?;
        drop(self.rows);
        if let (Some(output), Ending::Complete) = (self.output, ending) {
            output.finish()?;
        }
        Ok(self.notes)
    }
}

/// A file that rows are written to, and that is put in its place when they are complete.
#[derive(Clone)]
struct SharedFile(Rc<RefCell<NewFile>>);

impl SharedFile {
    fn create(path: &Path) -> Result<Self, FileError> {
        Ok(Self(Rc::new(RefCell::new(NewFile::create(path)?))))
    }

    fn finish(self) -> Result<(), FileError> {
        match Rc::into_inner(self.0) {
            Some(file) => file.into_inner().finish().map(drop),
            None => Ok(()),
        }
    }
}

impl Write for SharedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
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
