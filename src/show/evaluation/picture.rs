//! The confusion matrix as a picture.

use std::path::Path;

use crate::file::FileError;
use crate::recognise::evaluation::Evaluation;
use crate::show::canvas::{Canvas, Rgb, Shorten};
use crate::show::picture::{PictureError, png};
use crate::text::number::thousands;
use crate::text::one_line;

const PAGE: Rgb = [255, 255, 255];
const INK: Rgb = [27, 31, 36];
const SOFT: Rgb = [87, 96, 107];
const GRID: Rgb = [232, 236, 241];
const EMPTY: Rgb = [247, 249, 251];
/// Answers that are right, and those that are wrong, at their strongest.
const RIGHT: Rgb = [42, 102, 184];
const WRONG: Rgb = [200, 70, 14];

/// Empty border. This and all lengths below are in pixels.
const MARGIN: f32 = 32.0;
const TITLE_SIZE: f32 = 26.0;
const TEXT_SIZE: f32 = 18.0;
/// Title, legend and the name of an axis.
const HEAD: f32 = 112.0;
/// The most that names take beside and above the matrix.
const NAMES: f32 = 260.0;
/// The least width, for title and legend.
const MIN_WIDTH: f32 = 760.0;
/// From this size of cells on there is a number in each, and a line around it.
const NUMBERED: f32 = 30.0;
/// The side of a matrix whose classes have no names, at most.
const UNNAMED: usize = 6000;

/// A form of the confusion matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfusionFormat {
    /// A line per true class.
    Csv,
    /// A picture.
    Png,
}

impl ConfusionFormat {
    /// The form that the extension of `path` names.
    ///
    /// # Errors
    /// [`FileError::Extension`] for an extension that is not known.
    pub fn of(path: &Path) -> Result<Self, FileError> {
        let extension = path.extension().map(|e| e.to_ascii_lowercase());
        match extension.as_ref().and_then(|e| e.to_str()) {
            Some("csv") => Ok(Self::Csv),
            Some("png") => Ok(Self::Png),
            _ => Err(FileError::Extension {
                path: path.to_owned(),
                known: ".csv or .png",
            }),
        }
    }
}

/// Draws the confusion matrix as a PNG file, a row per true class and a column per class of the answers. Names of
/// classes stand beside it where there is room for them. Returns it with the characters that no font has, which are drawn as
/// boxes.
///
/// # Errors
/// [`PictureError`] when there are so many classes that no picture can hold them.
pub fn confusion_picture(
    evaluation: &Evaluation,
    labels: &[String],
) -> Result<(Vec<u8>, String), PictureError> {
    let (rgb, width, height, missing) = draw(evaluation, labels)?.finish();
    Ok((png(&rgb, width, height)?, missing))
}

/// How strong the colour of a cell is, 0 to 1, that has this share of the clips of its class. A square root, so that rare
/// confusions are seen too.
pub(super) fn strength(share: f64) -> f64 {
    match share > 0.0 {
        true => 0.15 + 0.85 * share.sqrt(),
        false => 0.0,
    }
}

/// Side of a cell and size of names, or 0 where they don't fit.
fn sizes(classes: usize) -> (f32, f32) {
    match classes {
        0..=12 => (64.0, 18.0),
        13..=40 => (32.0, 15.0),
        41..=150 => (16.0, 13.0),
        151..=600 => (11.0, 10.0),
        _ => ((UNNAMED / classes).max(1) as f32, 0.0),
    }
}

/// Where the matrix is.
struct Layout {
    classes: usize,
    cell: f32,
    names: f32,
    /// For names, beside and above the matrix.
    room: f32,
    left: f32,
    top: f32,
}

impl Layout {
    /// Room for the widest name, within bounds.
    fn new(labels: &[String]) -> Result<Self, PictureError> {
        let classes = labels.len();
        let (cell, names) = sizes(classes);
        let mut probe = Canvas::new(1.0, 1.0, PAGE)?;
        let width = |label: &String| probe.line(label, names, NAMES, Shorten::End).width;
        let room = match names > 0.0 {
            true => labels.iter().map(width).fold(60.0, f32::max).ceil() + 12.0,
            false => 60.0,
        };
        Ok(Self {
            classes,
            cell,
            names,
            room,
            left: MARGIN + TEXT_SIZE + 8.0 + room,
            top: MARGIN + HEAD + room,
        })
    }

    fn side(&self) -> f32 {
        self.cell * self.classes as f32
    }
}

fn draw(evaluation: &Evaluation, labels: &[String]) -> Result<Canvas, PictureError> {
    let labels: Vec<String> = labels.iter().map(|label| one_line(label)).collect();
    let layout = Layout::new(&labels)?;
    let width = (layout.left + layout.side() + MARGIN).max(MIN_WIDTH);
    let height = layout.top + layout.side() + MARGIN;
    let mut canvas = Canvas::new(width, height, PAGE)?;
    head(&mut canvas, evaluation, &layout, width - 2.0 * MARGIN);
    cells(&mut canvas, evaluation, &layout);
    match layout.names > 0.0 {
        true => class_names(&mut canvas, &layout, &labels),
        false => class_numbers(&mut canvas, &layout),
    }
    Ok(canvas)
}

fn head(canvas: &mut Canvas, evaluation: &Evaluation, layout: &Layout, room: f32) {
    let answered = thousands(evaluation.answered() as usize);
    let title = format!("Confusion matrix of {answered} clips");
    let title = canvas.line(&title, TITLE_SIZE, room, Shorten::End);
    canvas.write(title, MARGIN, MARGIN + TITLE_SIZE, INK);
    let baseline = MARGIN + TITLE_SIZE + 34.0;
    let mut left = MARGIN;
    for (colour, text) in [(RIGHT, "right"), (WRONG, "wrong")] {
        canvas.rectangle(left, baseline - 14.0, 16.0, 16.0, colour);
        let text = canvas.line(text, TEXT_SIZE, room, Shorten::End);
        let width = text.width;
        canvas.write(text, left + 22.0, baseline, INK);
        left += width + 42.0;
    }
    let text = "the stronger, the larger the share of the clips of the true class";
    let text = canvas.line(text, TEXT_SIZE, room - (left - MARGIN), Shorten::End);
    canvas.write(text, left, baseline, SOFT);
    let across = canvas.line("class of the answer →", TEXT_SIZE, room, Shorten::End);
    canvas.write(across, layout.left, MARGIN + HEAD - 6.0, SOFT);
    let down = canvas.line(
        "← true class",
        TEXT_SIZE,
        layout.side().max(120.0),
        Shorten::End,
    );
    let bottom = layout.top + down.width.max(0.0);
    canvas.write_upwards(down, MARGIN + TEXT_SIZE - 6.0, bottom, SOFT);
}

fn cells(canvas: &mut Canvas, evaluation: &Evaluation, layout: &Layout) {
    let (left, top, cell, side) = (layout.left, layout.top, layout.cell, layout.side());
    canvas.rectangle(left - 1.0, top - 1.0, side + 2.0, side + 2.0, GRID);
    canvas.rectangle(left, top, side, side, EMPTY);
    let is_numbered = cell >= NUMBERED;
    if layout.names > 0.0 {
        for line in 1..layout.classes {
            let at = line as f32 * cell;
            canvas.rectangle(left + at, top, 1.0, side, GRID);
            canvas.rectangle(left, top + at, side, 1.0, GRID);
        }
    }
    for (truth, row) in evaluation
        .confusion()
        .chunks_exact(layout.classes.max(1))
        .enumerate()
    {
        let clips = evaluation.support(truth).max(1) as f64;
        for (predicted, &count) in row.iter().enumerate().filter(|(_, count)| **count > 0) {
            let strength = strength(count as f64 / clips) as f32;
            let colour = if truth == predicted { RIGHT } else { WRONG };
            let colour = [0, 1, 2].map(|channel| {
                let (ink, page) = (f32::from(colour[channel]), f32::from(PAGE[channel]));
                (page + (ink - page) * strength).round() as u8
            });
            let (x, y) = (left + predicted as f32 * cell, top + truth as f32 * cell);
            canvas.rectangle(x, y, cell, cell, colour);
            if is_numbered {
                let [red, green, blue] = colour.map(f32::from);
                let is_dark = 0.299 * red + 0.587 * green + 0.114 * blue < 140.0;
                let ink = if is_dark { PAGE } else { INK };
                number(canvas, count, (x, y), cell, ink);
            }
        }
    }
}

/// A count in the middle of a cell, in a size that fits.
fn number(canvas: &mut Canvas, count: u64, (left, top): (f32, f32), cell: f32, ink: Rgb) {
    let text = count.to_string();
    let size = (cell * 0.34).min(cell * 1.45 / text.len() as f32);
    let line = canvas.line(&text, size, cell, Shorten::End);
    let x = left + (cell - line.width) / 2.0;
    canvas.write(line, x, top + cell / 2.0 + size * 0.36, ink);
}

fn class_names(canvas: &mut Canvas, layout: &Layout, labels: &[String]) {
    let (size, room) = (layout.names, layout.room - 10.0);
    for (class, label) in labels.iter().enumerate() {
        let middle = (class as f32 + 0.5) * layout.cell + size * 0.34;
        let name = canvas.line(label, size, room, Shorten::End);
        let x = layout.left - 8.0 - name.width;
        canvas.write(name, x, layout.top + middle, INK);
        let name = canvas.line(label, size, room, Shorten::End);
        canvas.write_upwards(name, layout.left + middle, layout.top - 8.0, INK);
    }
}

/// Numbers of classes every so often, where names don't fit.
fn class_numbers(canvas: &mut Canvas, layout: &Layout) {
    let step = step(layout.classes);
    for class in (0..layout.classes).step_by(step) {
        let at = (class as f32 + 0.5) * layout.cell + TEXT_SIZE * 0.34;
        let number = canvas.line(&class.to_string(), TEXT_SIZE, 60.0, Shorten::End);
        let x = layout.left - 8.0 - number.width;
        canvas.write(number, x, layout.top + at, SOFT);
        let number = canvas.line(&class.to_string(), TEXT_SIZE, 60.0, Shorten::End);
        canvas.write_upwards(number, layout.left + at, layout.top - 8.0, SOFT);
    }
}

/// From one marked class to the next: about ten marks, at round numbers.
pub(super) fn step(classes: usize) -> usize {
    let mut steps = [1, 2, 5].into_iter().cycle();
    let mut ten = 1;
    loop {
        let Some(digit) = steps.next() else { return 1 };
        if classes <= 12 * digit * ten {
            return digit * ten;
        }
        if digit == 5 {
            ten *= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::ClipName;
    use crate::recognise::evaluation::Sample;

    fn evaluation(classes: usize) -> (Evaluation, Vec<String>) {
        let mut evaluation = Evaluation::new(classes, None);
        for clip in 0..classes * 3 {
            let truth = clip % classes;
            let said = if clip % 7 == 0 {
                (truth + 1) % classes
            } else {
                truth
            };
            let mut scores = vec![0.0; classes];
            scores[said] = 1.0;
            evaluation.add(&Sample {
                clip: ClipName::new(clip.to_string()),
                range: None,
                truth,
                scores: Ok(scores),
            });
        }
        let labels = (0..classes).map(|class| format!("class {class}"));
        (evaluation, labels.collect())
    }

    /// The colour in the middle of a cell, above its number.
    fn colour(rgb: &[u8], width: u32, layout: &Layout, truth: usize, predicted: usize) -> Rgb {
        let x = (layout.left + (predicted as f32 + 0.5) * layout.cell) as usize;
        let y = (layout.top + (truth as f32 + 0.15) * layout.cell) as usize;
        let at = (y * width as usize + x) * 3;
        [rgb[at], rgb[at + 1], rgb[at + 2]]
    }

    #[test]
    fn cells_are_where_their_classes_are_for_few_and_for_many_classes() {
        for classes in [1, 6, 101, 400, 1000] {
            let (evaluation, labels) = evaluation(classes);
            let (rgb, width, _, missing) = draw(&evaluation, &labels).unwrap().finish();
            assert_eq!(missing, "");
            let layout = Layout::new(&labels).unwrap();
            if classes > 1 {
                let [red, _, blue] = colour(&rgb, width, &layout, 1, 1);
                assert!(blue > red, "{classes}: right answers are blue");
                let [red, _, blue] = colour(&rgb, width, &layout, 0, 1);
                assert!(red > blue, "{classes}: wrong ones are red");
            }
        }
    }

    #[test]
    fn marks_are_at_round_numbers() {
        let steps = [6, 24, 60, 101, 400, 1000].map(step);
        assert_eq!(steps, [1, 2, 5, 10, 50, 100]);
    }
}
