//! The report: one self-contained HTML page with every clip, its frames and its answer.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use askama::Template;

use super::picture::Strip;
use super::words::{percentage, range_text};
use crate::file::{FileError, NewFile, folder};
use crate::recognise::{Class, Prediction, Row};
use crate::text::one_line;

/// What the page says about how its answers came about, as names and values to be read by people.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Version of this program.
    pub version: String,
    /// The weights: file, architecture, classes, origin, ...
    pub weights: Vec<(String, String)>,
    /// The settings: sampling, preprocessing, segments, engine, ...
    pub settings: Vec<(String, String)>,
}

/// A page under construction. Clips are kept on disk, so that memory doesn't grow with their number.
#[derive(Debug)]
pub struct ReportPage {
    target: NewFile,
    /// The rows so far; the page's head needs their totals, and comes before them.
    rows: BufWriter<File>,
    about: About,
    totals: Totals,
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    answered: usize,
    uncertain: usize,
    failed: usize,
}

impl Totals {
    fn clips(&self) -> usize {
        self.answered + self.failed
    }

    fn add(&mut self, row: &Row) {
        match row {
            Row::Answer(answer) => {
                self.answered += 1;
                self.uncertain += usize::from(answer.uncertain);
            }
            Row::Failed(_) => self.failed += 1,
        }
    }
}

impl ReportPage {
    /// Starts the page that will appear at `path`.
    ///
    /// # Errors
    /// [`FileError::Create`] when nothing can be written there.
    pub fn create(path: &Path, about: About) -> Result<Self, FileError> {
        let target = NewFile::create(path)?;
        let rows = tempfile::tempfile_in(folder(target.path()))
            .or_else(|_| tempfile::tempfile())
            .map_err(|source| FileError::Create {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            target,
            rows: BufWriter::new(rows),
            about,
            totals: Totals::default(),
        })
    }

    /// How many clips have been added.
    pub fn clips(&self) -> usize {
        self.totals.clips()
    }

    /// Adds a clip with the pictures of its frames.
    ///
    /// # Errors
    /// [`FileError::Write`] when the disk is full.
    pub fn add(&mut self, row: &Row, strip: &Strip) -> Result<(), FileError> {
        self.totals.add(row);
        let clip = ClipRow::new(row, strip, self.totals.clips());
        clip.write_into(&mut self.rows)
            .map_err(|source| self.target.failed(source))
    }

    /// Completes the page, puts it in its place and returns its size in bytes.
    ///
    /// # Errors
    /// [`FileError::Write`] when the disk is full.
    pub fn finish(mut self) -> Result<u64, FileError> {
        let bytes = self
            .assemble()
            .map_err(|source| self.target.failed(source))?;
        self.target.finish()?;
        Ok(bytes)
    }

    /// Writes the page and returns how many bytes its clips take, which is nearly all of it.
    fn assemble(&mut self) -> io::Result<u64> {
        let start = PageStart {
            title: format!("ECO report: {}", counted(self.totals.clips(), "clip")),
            css: include_str!("templates/report.css"),
            version: &self.about.version,
            sections: [
                ("Weights", &self.about.weights),
                ("Settings", &self.about.settings),
            ],
            totals: self.totals,
        };
        start.write_into(&mut self.target)?;
        self.rows.flush()?;
        let rows = self.rows.get_mut();
        rows.rewind()?;
        let bytes = io::copy(rows, &mut self.target)?;
        let script = include_str!("templates/report.js");
        PageEnd {
            version: &self.about.version,
            script,
        }
        .write_into(&mut self.target)?;
        Ok(bytes)
    }
}

#[derive(Template)]
#[template(path = "page_start.html", config = "src/show/templates/askama.toml")]
struct PageStart<'a> {
    title: String,
    css: &'static str,
    version: &'a str,
    sections: [(&'static str, &'a [(String, String)]); 2],
    totals: Totals,
}

#[derive(Template)]
#[template(path = "page_end.html", config = "src/show/templates/askama.toml")]
struct PageEnd<'a> {
    version: &'a str,
    script: &'static str,
}

#[derive(Template)]
#[template(path = "clip.html", config = "src/show/templates/askama.toml")]
struct ClipRow<'a> {
    row: &'a Row,
    strip: &'a Strip,
    /// Place in the input, from 1.
    number: usize,
    path: String,
    range: Option<String>,
}

impl<'a> ClipRow<'a> {
    fn new(row: &'a Row, strip: &'a Strip, number: usize) -> Self {
        let path = one_line(&row.clip().text());
        Self {
            row,
            strip,
            number,
            path,
            range: row.range().map(range_text),
        }
    }
}

/// What the template asks of an answer.
impl Prediction {
    fn best_score(&self) -> f32 {
        self.top.first().map_or(0.0, |class: &Class| class.score)
    }

    /// Different frames looked at: views share them, and short clips repeat them.
    pub(super) fn distinct_frames(&self) -> usize {
        let mut frames = self.frames.clone();
        frames.sort_unstable();
        frames.dedup();
        frames.len()
    }
}

/// `1 clip`, `2 clips`.
fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// Width of the bar for a score, in percent.
fn bar(score: f32) -> String {
    format!("{:.1}", score.clamp(0.0, 1.0) * 100.0)
}

/// `182 ms`, `2.41 s`.
fn duration(milliseconds: f64) -> String {
    if milliseconds < 999.5 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.2} s", milliseconds / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        assert_eq!(duration(0.4), "0 ms");
        assert_eq!(duration(182.25), "182 ms");
        assert_eq!(duration(999.6), "1.00 s");
    }
}
