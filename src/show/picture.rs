//! Sampled frames to be shown.

use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};

use crate::file::FileError;

/// Why a frame cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The number of bytes does not match the side.
    #[error("a frame of {side} x {side} pixels has {bytes} bytes")]
    Size {
        /// Width and height it should have.
        side: usize,
        /// Bytes it has.
        bytes: usize,
    },
    /// It cannot be encoded as JPEG or PNG.
    #[error("cannot encode a frame: {0}")]
    Encode(String),
}

/// Why a file with pictures was not made.
#[derive(Debug, thiserror::Error)]
pub enum PictureFileError {
    /// A frame cannot be shown.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
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
    /// The pixels, after checking that their number matches the side.
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

/// RGB pixels `[height, width, 3]` as a JPEG file.
pub(super) fn jpeg(
    pixels: &[u8],
    width: usize,
    height: usize,
    quality: u8,
) -> Result<Vec<u8>, PictureError> {
    let extent = |pixels: usize| {
        u16::try_from(pixels)
            .map_err(|_| PictureError::Encode(format!("{pixels} pixels are too many")))
    };
    let (width, height) = (extent(width)?, extent(height)?);
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_optimized_huffman_tables(true);
    encoder.encode(pixels, width, height, ColorType::Rgb)?;
    Ok(jpeg)
}

/// RGB pixels `[height, width, 3]` as a PNG file.
pub(super) fn png(rgb: &[u8], width: u32, height: u32) -> Result<Vec<u8>, PictureError> {
    as_png(rgb, width, height, image::ExtendedColorType::Rgb8)
}

/// Pixels as a PNG file.
pub(super) fn as_png(
    pixels: &[u8],
    width: u32,
    height: u32,
    colours: image::ExtendedColorType,
) -> Result<Vec<u8>, PictureError> {
    let mut png = Vec::new();
    image::write_buffer_with_format(
        &mut std::io::Cursor::new(&mut png),
        pixels,
        width,
        height,
        colours,
        image::ImageFormat::Png,
    )
    .map_err(|error| PictureError::Encode(error.to_string()))?;
    Ok(png)
}
