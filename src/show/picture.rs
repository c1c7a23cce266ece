//! Sampled frames as small pictures for pages and sheets.

use std::borrow::Cow;

use base64::Engine as _;
use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};

/// Why a frame cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The pixels are not as many as the side says.
    #[error("a frame of {side} x {side} pixels has {bytes} bytes")]
    Size {
        /// Width and height it should have.
        side: usize,
        /// Bytes it has.
        bytes: usize,
    },
    /// It cannot be made a JPEG or PNG picture.
    #[error("cannot encode a frame: {0}")]
    Encode(String),
}

impl From<EncodingError> for PictureError {
    fn from(error: EncodingError) -> Self {
        Self::Encode(error.to_string())
    }
}

/// One sampled frame as the network saw it, before the mean is subtracted.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// Pixels `[side, side, 3]`, RGB, 0..=255.
    pub rgb: &'a [u8],
    /// Width and height.
    pub side: usize,
    /// Index of the frame in its source, from 0.
    pub index: usize,
    /// File name of the frame, where it has one.
    pub name: Option<&'a str>,
}

impl Picture<'_> {
    /// The pixels, when they are as many as they should be.
    pub(super) fn pixels(&self) -> Result<&[u8], PictureError> {
        if self.side == 0 || self.rgb.len() != self.side * self.side * 3 {
            return Err(PictureError::Size {
                side: self.side,
                bytes: self.rgb.len(),
            });
        }
        Ok(self.rgb)
    }
}

/// Size of the pictures on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StripSize {
    /// As the network saw them; about 150 kB for 16 frames.
    Full,
    /// Half as wide and high, for pages with many clips; about 60 kB for 16 frames.
    Half,
    /// A quarter as wide and high, for pages with hundreds of clips; about 25 kB for 16 frames.
    Quarter,
}

impl StripSize {
    fn halvings(self) -> usize {
        match self {
            Self::Full => 0,
            Self::Half => 1,
            Self::Quarter => 2,
        }
    }
}

/// The frames of one clip as JPEG pictures for a page. Making it takes some milliseconds, so that threads which decode
/// frames can do it and let the frames go.
#[derive(Debug, Clone, Default)]
pub struct Strip {
    pub(super) frames: Vec<StripFrame>,
}

#[derive(Debug, Clone)]
pub(super) struct StripFrame {
    /// In base64.
    pub(super) jpeg: String,
    pub(super) side: usize,
    pub(super) index: usize,
    pub(super) description: String,
}

/// Good enough to see what moves.
const JPEG_QUALITY: u8 = 72;

impl Strip {
    /// Pictures of `frames`.
    ///
    /// # Errors
    /// When a picture has not the size it says, or cannot be encoded.
    pub fn new(frames: &[Picture], size: StripSize) -> Result<Self, PictureError> {
        let frames = frames.iter().map(|frame| StripFrame::new(frame, size));
        Ok(Self {
            frames: frames.collect::<Result<_, _>>()?,
        })
    }

    /// Whether the pictures are too small to be enlarged.
    pub(super) fn is_small(&self) -> bool {
        self.frames.first().is_some_and(|frame| frame.side < 100)
    }

    /// No pictures.
    pub fn empty() -> Self {
        Self::default()
    }
}

impl StripFrame {
    fn new(frame: &Picture, size: StripSize) -> Result<Self, PictureError> {
        let pixels = frame.pixels()?;
        let (mut pixels, mut side) = (Cow::Borrowed(pixels), frame.side);
        for _ in 0..size.halvings() {
            pixels = Cow::Owned(halved(&pixels, side));
            side /= 2;
        }
        let description = match frame.name {
            Some(name) => format!("Frame {}: {name}", frame.index),
            None => format!("Frame {}", frame.index),
        };
        let jpeg = base64::engine::general_purpose::STANDARD.encode(jpeg(&pixels, side)?);
        Ok(Self {
            jpeg,
            side,
            index: frame.index,
            description,
        })
    }
}

fn jpeg(pixels: &[u8], side: usize) -> Result<Vec<u8>, PictureError> {
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, JPEG_QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_optimized_huffman_tables(true);
    let size = u16::try_from(side)
        .map_err(|_| PictureError::Encode(format!("{side} pixels are too many")))?;
    encoder.encode(pixels, size, size, ColorType::Rgb)?;
    Ok(jpeg)
}

/// Every 2 x 2 pixels as their mean; an odd last row and column are left out.
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

    #[test]
    fn half_a_picture_is_the_mean_of_its_squares() {
        let rgb: Vec<u8> = (0..27).collect();
        assert_eq!(halved(&rgb, 3), [6, 7, 8]);
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let picture = Picture {
            rgb: &[0; 5],
            side: 2,
            index: 0,
            name: None,
        };
        let error = Strip::new(&[picture], StripSize::Full).unwrap_err();
        assert!(matches!(error, PictureError::Size { side: 2, bytes: 5 }));
    }
}
