//! The report: one self-contained HTML page with every clip, its frames and its answer.

mod classes;
mod plan;
mod row;
mod timeline;

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;
use std::time::SystemTime;

use askama::Template;

use classes::{Class, Classes};
pub use plan::PageFrames;
use plan::Plan;
use row::ClipRow;
use timeline::{Timeline, Timelines};

use super::ending::Ending;
use super::picture::{Picture, PictureFileError};
use super::strip::Strip;
use super::words::{counted, day_and_minute, percentage};
use crate::file::{FileError, NewFile, scratch};
use crate::recognise::{ClipName, Row};
use crate::text::{iso_date, names};

/// How the answers came about: names and values for people.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Version of this program.
    pub version: String,
    /// Something to know before the answers are read, such as that the weights are a demo.
    pub note: Option<String>,
    /// The weights: file, architecture, classes, origin, ...
    pub weights: Vec<(String, String)>,
    /// The settings: sampling, preprocessing, segments, engine, ...
    pub settings: Vec<(String, String)>,
}

/// What a clip with several answers is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageUnit {
    /// Windows that slide over it.
    Window,
    /// Steps of a stream.
    Step,
}

names!(PageUnit { Window = "window", Step = "step" });

/// A page under construction. Rows and their pictures are kept on disk; memory grows only by a few numbers per window.
#[derive(Debug)]
pub struct ReportPage {
    target: NewFile,
    /// The rows so far. The page's head comes before them and needs their totals.
    rows: BufWriter<File>,
    about: About,
    /// The clip of the last row.
    last: Option<ClipName>,
    /// What a clip with several answers is made of.
    unit: PageUnit,
    totals: Totals,
    classes: Classes,
    timelines: Timelines,
    plan: Plan,
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    /// Clips; each may have several rows, one per window.
    clips: usize,
    answered: usize,
    uncertain: usize,
    failed: usize,
}

impl Totals {
    fn rows(&self) -> usize {
        self.answered + self.failed
    }
}

impl ReportPage {
    /// Starts the page that will appear at `path`.
    ///
    /// # Errors
    /// [`FileError::Create`] when nothing can be written there.
    pub fn create(path: &Path, about: About, frames: PageFrames) -> Result<Self, FileError> {
        Self::create_of(path, about, frames, PageUnit::Window)
    }

    /// The same, with a word for the parts of a clip.
    ///
    /// # Errors
    /// As [`ReportPage::create`].
    pub fn create_of(
        path: &Path,
        about: About,
        frames: PageFrames,
        unit: PageUnit,
    ) -> Result<Self, FileError> {
        Ok(Self {
            unit,
            target: NewFile::create(path)?,
            rows: scratch(path)?,
            about,
            last: None,
            totals: Totals::default(),
            classes: Classes::default(),
            timelines: Timelines::default(),
            plan: Plan::new(frames),
        })
    }

    /// Sets the number of rows expected in all, which decides how large their frames are. May be called again when more is
    /// known.
    pub fn expect(&mut self, rows: usize) {
        self.plan.expect(rows);
    }

    /// Adds a row, with as many of `frames` as the page has room for.
    ///
    /// # Errors
    /// [`PictureFileError::Picture`] when a frame does not have its stated size, [`PictureFileError::File`] when the disk is full.
    pub fn add(&mut self, row: &Row, frames: &[Picture]) -> Result<(), PictureFileError> {
        self.add_several(row, frames, 1)
    }

    /// Adds a row that stands for `parts` windows or steps. Rows of several clips may alternate where they have ranges.
    ///
    /// # Errors
    /// As [`ReportPage::add`].
    pub fn add_several(
        &mut self,
        row: &Row,
        frames: &[Picture],
        parts: usize,
    ) -> Result<(), PictureFileError> {
        let class = match row {
            Row::Answer(answer) => {
                self.totals.answered += 1;
                self.totals.uncertain += usize::from(answer.uncertain);
                self.classes.add(answer)
            }
            Row::Failed(_) => {
                self.totals.failed += 1;
                None
            }
        };
        let number = self.totals.rows();
        let is_known = self.timelines.add(row, number, class, parts);
        if self.last.as_ref() != Some(row.clip()) {
            self.last = Some(row.clip().clone());
            self.totals.clips += usize::from(!is_known);
        }
        let strip = Strip::new(frames, self.plan.next())?;
        let html = ClipRow::new(row, &strip, number).render();
        let html = html.map_err(|error| self.target.failed(io::Error::other(error)))?;
        self.plan.took(html.len());
        self.rows
            .write_all(html.as_bytes())
            .map_err(|source| self.target.failed(source))?;
        Ok(())
    }

    /// Completes the page, puts it in its place and returns its size in bytes.
    ///
    /// # Errors
    /// [`FileError::Write`] when the disk is full.
    pub fn finish(mut self, ending: Ending) -> Result<u64, FileError> {
        self.assemble(ending)
            .map_err(|source| self.target.failed(source))?;
        self.target.finish()
    }

    fn assemble(&mut self, ending: Ending) -> io::Result<()> {
        let Self { about, totals, .. } = self;
        let mut title = format!("ECO report: {}", counted(&totals.clips, "clip"));
        if totals.rows() > totals.clips {
            title += &format!(", {}", counted(&totals.rows(), "answer"));
        }
        let start = PageStart {
            title,
            skip: ("#clips", "Skip to the answers"),
            css: concat!(
                include_str!("../templates/page.css"),
                include_str!("../templates/report.css")
            ),
            version: &about.version,
            date: iso_date(SystemTime::now()),
            note: about.note.as_deref(),
            incomplete: ending.reason(),
            sections: [("Weights", &about.weights), ("Settings", &about.settings)],
            totals: *totals,
            classes: self.classes.sorted(),
            timelines: self.timelines.timelines(&self.classes),
            unit: self.unit.name(),
        };
        start.write_into(&mut self.target)?;
        self.rows.flush()?;
        let rows = self.rows.get_mut();
        rows.rewind()?;
        io::copy(rows, &mut self.target)?;
        let end = PageEnd {
            version: &about.version,
            script: include_str!("../templates/report.js"),
        };
        end.write_into(&mut self.target)
    }
}

#[derive(Template)]
#[template(path = "report_start.html", config = "src/show/templates/askama.toml")]
struct PageStart<'a> {
    title: String,
    /// Where the link goes that keyboards meet first, and what it says.
    skip: (&'static str, &'static str),
    css: &'static str,
    version: &'a str,
    /// ISO 8601, UTC.
    date: String,
    note: Option<&'a str>,
    incomplete: Option<String>,
    sections: [(&'static str, &'a [(String, String)]); 2],
    totals: Totals,
    classes: Vec<&'a Class>,
    timelines: Vec<Timeline>,
    unit: &'static str,
}

#[derive(Template)]
#[template(path = "report_end.html", config = "src/show/templates/askama.toml")]
struct PageEnd<'a> {
    version: &'a str,
    script: &'static str,
}
