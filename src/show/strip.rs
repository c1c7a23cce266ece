//! The frames of one answer as JPEG pictures inside the page.

use std::borrow::Cow;

use base64::Engine as _;

use super::picture::{Picture, PictureError, jpeg};

/// How many frames of an answer are shown, and how large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StripSize {
    /// All, as the network saw them; about 150 kB for 16 frames.
    Full,
    /// All, at half the width and height; about 60 kB for 16 frames.
    Half,
    /// This many, at a quarter of the width and height, side by side in one picture; about 1.3 kB per frame.
    Quarter(usize),
    /// None.
    None,
}

/// The pictures of one answer.
#[derive(Debug, Default)]
pub(super) struct Strip {
    pub pictures: Vec<JpegPicture>,
}

/// One or several frames.
#[derive(Debug)]
pub(super) struct JpegPicture {
    /// In base64.
    pub jpeg: String,
    pub width: usize,
    pub height: usize,
    /// Number of the frame; `None` for several.
    pub index: Option<usize>,
    pub description: String,
}

/// Good enough to see what moves.
const JPEG_QUALITY: u8 = 72;
/// Frames side by side in one picture.
const COLUMNS: usize = 8;

impl Strip {
    /// Pictures of `frames`.
    ///
    /// # Errors
    /// [`PictureError`] when a frame does not have its stated size, or cannot be encoded.
    pub(super) fn new(frames: &[Picture], size: StripSize) -> Result<Self, PictureError> {
        let pictures = match size {
            StripSize::Full => frames.iter().map(|frame| single(frame, 0)).collect(),
            StripSize::Half => frames.iter().map(|frame| single(frame, 1)).collect(),
            StripSize::Quarter(count) if count > 0 && !frames.is_empty() => {
                together(&spread(frames, count)).map(|picture| vec![picture])
            }
            StripSize::Quarter(_) | StripSize::None => Ok(Vec::new()),
        };
        Ok(Self {
            pictures: pictures?,
        })
    }
}

fn single(frame: &Picture, halvings: usize) -> Result<JpegPicture, PictureError> {
    let (pixels, side) = smaller(frame, halvings)?;
    let description = match frame.name {
        Some(name) => format!("Frame {}: {name}", frame.index),
        None => format!("Frame {}", frame.index),
    };
    encoded(&pixels, side, side, Some(frame.index), description)
}

/// `count` frames, evenly spread from the first to the last; all of them when there are fewer.
pub(super) fn spread<'a>(frames: &'a [Picture<'a>], count: usize) -> Vec<&'a Picture<'a>> {
    if frames.len() <= count || count == 1 {
        return frames.iter().take(count).collect();
    }
    let place = |n: usize| n * (frames.len() - 1) / (count - 1);
    (0..count).map(|n| &frames[place(n)]).collect()
}

/// Small frames as a grid in one picture, which is smaller than one picture per frame.
fn together(frames: &[&Picture]) -> Result<JpegPicture, PictureError> {
    let mut width = 0;
    let mut rows = Vec::new();
    for row in frames.chunks(COLUMNS) {
        let small: Vec<_> = row
            .iter()
            .map(|frame| smaller(frame, 2))
            .collect::<Result<_, _>>()?;
        let side = small.iter().map(|(_, side)| *side).min().unwrap_or(0);
        width = width.max(side * row.len());
        rows.push((side, small));
    }
    let mut pixels = Vec::new();
    let mut height = 0;
    for (side, small) in rows {
        for line in 0..side {
            for (frame, side) in &small {
                pixels.extend_from_slice(&frame[line * side * 3..(line + 1) * side * 3]);
            }
            pixels.resize((height + line + 1) * width * 3, u8::MAX);
        }
        height += side;
    }
    let numbers: Vec<String> = frames.iter().map(|frame| frame.index.to_string()).collect();
    let description = format!("Frames {}", numbers.join(", "));
    encoded(&pixels, width, height, None, description)
}

fn encoded(
    pixels: &[u8],
    width: usize,
    height: usize,
    index: Option<usize>,
    description: String,
) -> Result<JpegPicture, PictureError> {
    let jpeg = jpeg(pixels, width, height, JPEG_QUALITY)?;
    Ok(JpegPicture {
        jpeg: base64::engine::general_purpose::STANDARD.encode(jpeg),
        width,
        height,
        index,
        description,
    })
}

/// The pixels of a frame after `halvings` halvings of its sides, and the resulting side.
fn smaller<'a>(
    frame: &'a Picture<'a>,
    halvings: usize,
) -> Result<(Cow<'a, [u8]>, usize), PictureError> {
    let (mut pixels, mut side) = (Cow::Borrowed(frame.pixels()?), frame.side);
    for _ in 0..halvings {
        pixels = Cow::Owned(halved(&pixels, side));
        side /= 2;
    }
    Ok((pixels, side))
}

/// Averages blocks of 2 x 2 pixels; an odd last row or column is dropped.
fn halved(pixels: &[u8], side: usize) -> Vec<u8> {
    let half = side / 2;
    let mut out = Vec::with_capacity(half * half * 3);
    for rows in pixels.chunks_exact(2 * side * 3) {
        let (upper, lower) = rows.split_at(side * 3);
        for (above, below) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for channel in 0..3 {
                let sum = [
                    above[channel],
                    above[channel + 3],
                    below[channel],
                    below[channel + 3],
                ];
                out.push((sum.map(u16::from).iter().sum::<u16>() / 4) as u8);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(rgb: &[u8], side: usize, count: usize) -> Vec<Picture<'_>> {
        let frame = |index| Picture {
            rgb,
            side,
            index,
            name: None,
        };
        (0..count).map(frame).collect()
    }

    #[test]
    fn half_a_picture_is_the_mean_of_its_squares() {
        let rgb: Vec<u8> = (0..27).collect();
        assert_eq!(halved(&rgb, 3), [6, 7, 8]);
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        for size in [StripSize::Full, StripSize::Quarter(1)] {
            let error = Strip::new(&frames(&[0; 5], 2, 1), size).unwrap_err();
            assert!(matches!(error, PictureError::Size { side: 2, bytes: 5 }));
        }
    }

    #[test]
    fn small_frames_share_a_picture_from_the_first_to_the_last() {
        let rgb = vec![99; 224 * 224 * 3];
        let strip = Strip::new(&frames(&rgb, 224, 16), StripSize::Quarter(4)).unwrap();
        let [picture] = &strip.pictures[..] else {
            panic!("{} pictures", strip.pictures.len());
        };
        assert_eq!((picture.width, picture.height), (4 * 56, 56));
        assert_eq!(picture.description, "Frames 0, 5, 10, 15");
        let all = Strip::new(&frames(&rgb, 224, 12), StripSize::Quarter(16)).unwrap();
        assert_eq!(
            (all.pictures[0].width, all.pictures[0].height),
            (8 * 56, 2 * 56)
        );
    }

    #[test]
    fn no_frames_are_no_pictures() {
        for size in [StripSize::Full, StripSize::Quarter(4), StripSize::None] {
            assert!(Strip::new(&[], size).unwrap().pictures.is_empty());
        }
    }
}
