//! Which classes are taken for which.

use std::io;

use base64::Engine as _;

use crate::recognise::evaluation::Confusion;
use crate::show::evaluation::Summary;
use crate::show::evaluation::picture::{step, strength};
use crate::show::picture::as_png;
use crate::text::one_line;

/// Up to so many classes the matrix is a table, with names and counts in it.
const TABLE: usize = 20;

/// Two classes that are confused.
pub(super) struct Pair {
    pub truth: String,
    pub predicted: String,
    /// Their indices.
    pub classes: [usize; 2],
    pub count: u64,
    /// Clips of the true class.
    pub of: u64,
}

impl Pair {
    pub(super) fn new(pair: &Confusion, summary: &Summary) -> Self {
        let name = |class: usize| one_line(&summary.labels[class]);
        Self {
            truth: name(pair.truth),
            predicted: name(pair.predicted),
            classes: [pair.truth, pair.predicted],
            count: pair.count,
            of: summary.evaluation.support(pair.truth),
        }
    }

    /// In percent.
    pub(super) fn share(&self) -> f64 {
        100.0 * self.count as f64 / self.of.max(1) as f64
    }
}

/// The confusion matrix.
pub(super) enum Matrix {
    /// Few classes: a row per true class, a column per class of the answers.
    Table(Vec<Vec<Cell>>),
    /// Many classes: a pixel per cell, as PNG in base64, and the classes at which there are marks.
    Picture { png: String, marks: Vec<Mark> },
}

/// A cell of the table.
pub(super) struct Cell {
    pub count: u64,
    pub is_right: bool,
    /// How strong its colour is, 0 to 1.
    pub strength: f64,
}

/// A class at the edge of the picture.
pub(super) struct Mark {
    pub class: usize,
    /// Its middle, in percent of the side.
    pub at: f64,
}

/// Answers that are right, and those that are wrong. They are seen on light and on dark pages.
const COLOURS: [[u8; 3]; 2] = [[58, 124, 214], [222, 92, 28]];

impl Matrix {
    pub(super) fn new(summary: &Summary) -> io::Result<Self> {
        let evaluation = summary.evaluation;
        let classes = evaluation.classes();
        let cells = |truth: usize| {
            let clips = evaluation.support(truth).max(1) as f64;
            (0..classes).map(move |predicted| {
                let count = evaluation.confused(truth, predicted);
                Cell {
                    count,
                    is_right: truth == predicted,
                    strength: strength(count as f64 / clips),
                }
            })
        };
        if classes <= TABLE {
            return Ok(Self::Table(
                (0..classes).map(|truth| cells(truth).collect()).collect(),
            ));
        }
        let mut pixels = Vec::with_capacity(classes * classes * 4);
        for cell in (0..classes).flat_map(cells) {
            let [red, green, blue] = COLOURS[usize::from(!cell.is_right)];
            // A cell is little more than a point: even one clip has to be seen.
            let alpha = match cell.count {
                0 => 0.0,
                _ => 0.3 + 0.7 * cell.strength,
            };
            pixels.extend([red, green, blue, (alpha * 255.0).round() as u8]);
        }
        let side = classes as u32;
        let png = as_png(&pixels, side, side, image::ExtendedColorType::Rgba8);
        let png = png.map_err(io::Error::other)?;
        let mark = |class: usize| Mark {
            class,
            at: 100.0 * (class as f64 + 0.5) / classes as f64,
        };
        Ok(Self::Picture {
            png: base64::engine::general_purpose::STANDARD.encode(png),
            marks: (0..classes).step_by(step(classes)).map(mark).collect(),
        })
    }
}
