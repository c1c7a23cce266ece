//! The contact sheet: one picture with the sampled frames of a clip and the answer on it.

use std::path::Path;

use super::canvas::{Canvas, Rgb, Shorten};
use super::picture::{Picture, PictureError, PictureFileError, jpeg, png};
use super::words::{frames_text, percentage, range_text};
use crate::file::{self, FileError};
use crate::recognise::{Class, Prediction};
use crate::text::one_line;

const PAGE: Rgb = [255, 255, 255];
const INK: Rgb = [27, 31, 36];
const SOFT: Rgb = [87, 96, 107];
const TRACK: Rgb = [232, 236, 241];
const BAR: Rgb = [42, 102, 184];
const BAR_REST: Rgb = [143, 169, 204];
const WARN: Rgb = [122, 77, 0];
const WARN_BACK: Rgb = [255, 236, 194];

/// Empty border. This and all lengths below are in pixels.
const MARGIN: f32 = 28.0;
const GAP: f32 = 6.0;
/// The line under each frame with its number.
const CAPTION: f32 = 22.0;
/// Title and facts.
const HEAD: f32 = 74.0;
const ANSWER_LINE: f32 = 34.0;
const TITLE_SIZE: f32 = 26.0;
const TEXT_SIZE: f32 = 19.0;
const CAPTION_SIZE: f32 = 15.0;
/// The share of the width that labels may take.
const LABEL_SHARE: f32 = 0.38;
const PERCENT_WIDTH: f32 = 90.0;
/// Good enough for text.
const JPEG_QUALITY: u8 = 92;
/// The least width that has room for a title and an answer.
const MIN_WIDTH: f32 = 560.0;

/// The format of a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SheetFormat {
    /// Every pixel as it was drawn.
    Png,
    /// A smaller file.
    Jpeg,
}

impl SheetFormat {
    /// The format that the extension of `path` names.
    ///
    /// # Errors
    /// [`FileError::Extension`] for an extension that is not known.
    pub fn of(path: &Path) -> Result<Self, FileError> {
        let extension = path.extension().map(|e| e.to_ascii_lowercase());
        match extension.as_ref().and_then(|e| e.to_str()) {
            Some("png") => Ok(Self::Png),
            Some("jpg" | "jpeg") => Ok(Self::Jpeg),
            _ => Err(FileError::Extension {
                path: path.to_owned(),
                known: ".png or .jpg",
            }),
        }
    }

    fn encode(self, rgb: &[u8], width: u32, height: u32) -> Result<Vec<u8>, PictureError> {
        if self == Self::Jpeg {
            return jpeg(rgb, width as usize, height as usize, JPEG_QUALITY);
        }
        png(rgb, width, height)
    }
}

/// Draws the sheet of one clip and writes it to `path`, in the format that its extension names. Returns the characters that no
/// font has; they are drawn as boxes.
///
/// # Errors
/// [`PictureFileError`] when a frame does not have its stated size, the extension is not known, or the file cannot be written.
pub fn write_sheet(
    path: &Path,
    prediction: &Prediction,
    frames: &[Picture],
) -> Result<String, PictureFileError> {
    let format = SheetFormat::of(path)?;
    let (rgb, width, height, missing) = draw(prediction, frames)?.finish();
    file::write(path, &format.encode(&rgb, width, height)?)?;
    Ok(missing)
}

/// Where the parts of a sheet are.
struct Layout {
    columns: usize,
    cell: f32,
    width: f32,
    answer_top: f32,
    height: f32,
}

impl Layout {
    fn new(frames: &[Picture], classes: usize) -> Self {
        let columns = match frames.len() {
            0..=4 => frames.len().max(1),
            5..=8 => 4,
            _ => 8,
        };
        let cell = frames.first().map_or(0.0, |frame| frame.side as f32);
        let grid = columns as f32 * (cell + GAP) - GAP;
        let rows = frames.len().div_ceil(columns) as f32;
        let answer_top = MARGIN + HEAD + rows * (cell + CAPTION + GAP) + GAP;
        Self {
            columns,
            cell,
            width: (grid + 2.0 * MARGIN).max(MIN_WIDTH),
            answer_top,
            height: answer_top + classes as f32 * ANSWER_LINE + MARGIN,
        }
    }

    fn inner_width(&self) -> f32 {
        self.width - 2.0 * MARGIN
    }

    /// Left and top of the frame at `place`.
    fn frame(&self, place: usize) -> (f32, f32) {
        let (row, column) = (place / self.columns, place % self.columns);
        let left = MARGIN + column as f32 * (self.cell + GAP);
        (
            left,
            MARGIN + HEAD + row as f32 * (self.cell + CAPTION + GAP),
        )
    }
}

fn draw(prediction: &Prediction, frames: &[Picture]) -> Result<Canvas, PictureError> {
    let layout = Layout::new(frames, prediction.top.len());
    let mut canvas = Canvas::new(layout.width, layout.height, PAGE)?;
    head(&mut canvas, &layout, prediction);
    for (place, frame) in frames.iter().enumerate() {
        let (left, top) = layout.frame(place);
        canvas.picture(frame.pixels()?, frame.side, left, top);
        let number = frame.index.to_string();
        let number = canvas.line(&number, CAPTION_SIZE, layout.cell, Shorten::Start);
        let baseline = top + layout.cell + CAPTION_SIZE;
        canvas.write(number, left, baseline, SOFT);
    }
    for (rank, class) in prediction.top.iter().enumerate() {
        answer(&mut canvas, &layout, rank, class);
    }
    Ok(canvas)
}

fn head(canvas: &mut Canvas, layout: &Layout, prediction: &Prediction) {
    let room = layout.inner_width();
    let title = one_line(&prediction.clip.text());
    let title = canvas.line(&title, TITLE_SIZE, room, Shorten::Start);
    canvas.write(title, MARGIN, MARGIN + TITLE_SIZE, INK);

    let baseline = MARGIN + TITLE_SIZE + 30.0;
    let mut left = MARGIN;
    if prediction.uncertain {
        let mark = canvas.line("uncertain", TEXT_SIZE, room, Shorten::End);
        let width = mark.width + 20.0;
        canvas.bar(left, baseline - 20.0, width, 28.0, WARN_BACK);
        canvas.write(mark, left + 10.0, baseline, WARN);
        left += width + 12.0;
    }
    let room = room - (left - MARGIN);
    let facts = canvas.line(&facts(prediction), TEXT_SIZE, room, Shorten::Start);
    canvas.write(facts, left, baseline, SOFT);
}

fn facts(prediction: &Prediction) -> String {
    let frames = frames_text(prediction);
    match &prediction.range {
        Some(range) => format!("{}, {frames}", range_text(range)),
        None => frames,
    }
}

fn answer(canvas: &mut Canvas, layout: &Layout, rank: usize, class: &Class) {
    let room = layout.inner_width();
    let top = layout.answer_top + rank as f32 * ANSWER_LINE;
    let baseline = top + TEXT_SIZE;
    let label_room = room * LABEL_SHARE;
    let label = canvas.line(&one_line(&class.label), TEXT_SIZE, label_room, Shorten::End);
    canvas.write(label, MARGIN, baseline, INK);

    let bar_left = MARGIN + label_room + 16.0;
    let bar_width = room - label_room - 16.0 - PERCENT_WIDTH;
    canvas.bar(bar_left, top + 5.0, bar_width, 14.0, TRACK);
    let colour = if rank == 0 { BAR } else { BAR_REST };
    let filled = bar_width * class.score.clamp(0.0, 1.0);
    canvas.bar(bar_left, top + 5.0, filled, 14.0, colour);

    let percent = canvas.line(
        &percentage(class.score),
        TEXT_SIZE,
        PERCENT_WIDTH,
        Shorten::End,
    );
    let left = MARGIN + room - percent.width;
    canvas.write(percent, left, baseline, INK);
}
