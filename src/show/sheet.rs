//! The contact sheet: one picture with the sampled frames of a clip and the answer on it.

mod canvas;

use std::io::Write;
use std::path::Path;

use canvas::{Canvas, Rgb};

use super::picture::{Picture, PictureError};
use super::words::{percentage, range_text};
use crate::file::{FileError, NewFile};
use crate::recognise::{Class, Prediction};
use crate::text::one_line;

/// Why there is no contact sheet.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// A frame cannot be drawn.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The sheet cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

const PAGE: Rgb = [255, 255, 255];
const INK: Rgb = [27, 31, 36];
const SOFT: Rgb = [87, 96, 107];
const TRACK: Rgb = [232, 236, 241];
const BAR: Rgb = [42, 102, 184];
const BAR_REST: Rgb = [143, 169, 204];
const WARN: Rgb = [122, 77, 0];
const WARN_BACK: Rgb = [255, 236, 194];

/// Empty border, in pixels, as are all lengths below.
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
/// Narrower, a title and an answer have no room.
const MIN_WIDTH: f32 = 560.0;

/// Draws the sheet of one clip and puts it, as PNG, at `path`.
///
/// # Errors
/// [`SheetError`] when a frame has not the size it says, or the file cannot be written.
pub fn write_sheet(
    path: &Path,
    prediction: &Prediction,
    frames: &[Picture],
) -> Result<(), SheetError> {
    let mut file = NewFile::create(path)?;
    let png = draw(prediction, frames)?;
    file.write_all(&png).map_err(|source| file.failed(source))?;
    Ok(file.finish()?)
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

fn draw(prediction: &Prediction, frames: &[Picture]) -> Result<Vec<u8>, PictureError> {
    let layout = Layout::new(frames, prediction.top.len());
    let mut canvas = Canvas::new(layout.width, layout.height, PAGE)?;
    head(&mut canvas, &layout, prediction);
    for (place, frame) in frames.iter().enumerate() {
        let (left, top) = layout.frame(place);
        canvas.picture(frame.pixels()?, frame.side, left, top);
        let number = frame.index.to_string();
        let baseline = top + layout.cell + CAPTION_SIZE;
        canvas.text(&number, left, baseline, CAPTION_SIZE, SOFT);
    }
    for (rank, class) in prediction.top.iter().enumerate() {
        answer(&mut canvas, &layout, rank, class);
    }
    canvas.png()
}

fn head(canvas: &mut Canvas, layout: &Layout, prediction: &Prediction) {
    let room = layout.inner_width();
    let title = one_line(&prediction.clip.text());
    let title = canvas.shortened_left(&title, TITLE_SIZE, room);
    canvas.text(&title, MARGIN, MARGIN + TITLE_SIZE, TITLE_SIZE, INK);

    let baseline = MARGIN + TITLE_SIZE + 30.0;
    let mut left = MARGIN;
    if prediction.uncertain {
        let width = canvas.width("uncertain", TEXT_SIZE) + 20.0;
        canvas.bar(left, baseline - 20.0, width, 28.0, WARN_BACK);
        canvas.text("uncertain", left + 10.0, baseline, TEXT_SIZE, WARN);
        left += width + 12.0;
    }
    let facts = canvas.shortened_left(&facts(prediction), TEXT_SIZE, room - (left - MARGIN));
    canvas.text(&facts, left, baseline, TEXT_SIZE, SOFT);
}

fn facts(prediction: &Prediction) -> String {
    let frames = format!(
        "{} of {} frames",
        prediction.distinct_frames(),
        prediction.source_frames
    );
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
    let label = canvas.shortened(&one_line(&class.label), TEXT_SIZE, label_room);
    canvas.text(&label, MARGIN, baseline, TEXT_SIZE, INK);

    let bar_left = MARGIN + label_room + 16.0;
    let bar_width = room - label_room - 16.0 - PERCENT_WIDTH;
    canvas.bar(bar_left, top + 5.0, bar_width, 14.0, TRACK);
    let colour = if rank == 0 { BAR } else { BAR_REST };
    let filled = bar_width * class.score.clamp(0.0, 1.0);
    canvas.bar(bar_left, top + 5.0, filled, 14.0, colour);

    let percent = percentage(class.score);
    let left = MARGIN + room - canvas.width(&percent, TEXT_SIZE);
    canvas.text(&percent, left, baseline, TEXT_SIZE, INK);
}
