//! Text for people: rank, label, bar and percentage in aligned columns.

use std::fmt;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use super::writer::RowWriter;
use crate::recognise::{Class, Prediction, Row, RowError};
use crate::show::bar::bar;
use crate::show::ending::Ending;
use crate::show::words::{percentage, range_text};
use crate::text::one_line;
use crate::text::terminal::fitted;

/// Whether text carries terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// For files, pipes and `NO_COLOR`.
    #[default]
    Never,
    /// For terminals.
    Always,
}

/// How text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextStyle {
    /// Columns of the terminal. At least 40 are used.
    pub width: usize,
    /// Whether it is coloured.
    pub colour: Colour,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self {
            width: 80,
            colour: Colour::Never,
        }
    }
}

/// Columns below which the table stops shrinking.
const MIN_WIDTH: usize = 40;
/// Columns above which a wider table is harder to read.
const MAX_WIDTH: usize = 100;
/// Rank and its gaps, the gaps around the bar, and `100.00%`.
const FIXED_COLUMNS: usize = 6 + 2 + 2 + 7;
const MIN_BAR: usize = 10;
const MAX_BAR: usize = 30;

/// Writes one block per row: the clip, then its classes; an empty line between blocks.
#[derive(Debug)]
pub struct TextWriter<W: Write> {
    sink: W,
    style: TextStyle,
    rows: usize,
}

impl<W: Write> TextWriter<W> {
    /// A writer to `sink`.
    pub fn new(sink: W, style: TextStyle) -> Self {
        Self {
            sink,
            style,
            rows: 0,
        }
    }

    fn paint(&self, style: Style, text: impl fmt::Display) -> String {
        match self.style.colour {
            Colour::Never => text.to_string(),
            Colour::Always => format!("{style}{text}{style:#}"),
        }
    }

    fn title(&self, row: &Row) -> String {
        let clip = self.paint(Style::new().bold(), one_line(&row.clip().text()));
        match row.range() {
            Some(range) => format!("{clip}  {}", range_text(range)),
            None => clip,
        }
    }

    fn answer(&self, out: &mut String, prediction: &Prediction) {
        if prediction.uncertain {
            let mark = "uncertain: the best guess is below the limit";
            *out += &format!("  {}\n", self.paint(AnsiColor::Yellow.on_default(), mark));
        }
        let width = self.style.width.clamp(MIN_WIDTH, MAX_WIDTH);
        let labels: Vec<String> = prediction.top.iter().map(|c| one_line(&c.label)).collect();
        let widest = labels.iter().map(|label| label.width()).max().unwrap_or(0);
        let label_width = widest.min(width - FIXED_COLUMNS - MIN_BAR);
        let bar_width = (width - FIXED_COLUMNS - label_width).min(MAX_BAR);
        for (index, (class, label)) in prediction.top.iter().zip(&labels).enumerate() {
            let label = fitted(label, label_width);
            *out += &self.line(index, class, &label, bar_width);
        }
    }

    fn line(&self, index: usize, class: &Class, label: &str, bar_width: usize) -> String {
        let strong = if index == 0 {
            Style::new().bold()
        } else {
            Style::new()
        };
        let label = self.paint(strong, label);
        let bar = self.paint(AnsiColor::Cyan.on_default(), bar(class.score, bar_width));
        let percent = percentage(class.score);
        format!("{:>4}  {label}  {bar}  {percent:>7}\n", index + 1)
    }

    fn failure(&self, out: &mut String, failure: &RowError) {
        let mark = self.paint(AnsiColor::Red.on_default().bold(), "error:");
        *out += &format!("  {mark} {}\n", one_line(&failure.error));
    }
}

impl<W: Write> RowWriter for TextWriter<W> {
    fn write(&mut self, row: &Row) -> io::Result<()> {
        let mut out = String::new();
        if self.rows > 0 {
            out.push('\n');
        }
        self.rows += 1;
        out += &format!("{}\n", self.title(row));
        match row {
            Row::Answer(prediction) => self.answer(&mut out, prediction),
            Row::Failed(failure) => self.failure(&mut out, failure),
        }
        self.sink.write_all(out.as_bytes())?;
        self.sink.flush()
    }

    fn finish(&mut self, _: Ending) -> io::Result<()> {
        self.sink.flush()
    }
}
