//! Frames in memory: RGB, 8 bits per channel.

use std::path::Path;

use image::ColorType;

use super::error::{ClipError, Result};

/// Longest side of a frame, in pixels.
pub const MAX_SIDE: u32 = 65_535;

/// Most pixels of a frame: 8192 x 8192, or 192 MiB as RGB. Checked on the header, before anything
/// is allocated.
pub const MAX_PIXELS: u64 = 1 << 26;

/// A decoded frame: RGB, `[height, width, 3]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `height * width * 3` bytes.
    pub pixels: Vec<u8>,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Whether it is of 16-bit grey with samples beyond 255, which became 255.
    pub is_clipped: bool,
}

impl Image {
    /// An image of `height * width * 3` bytes.
    pub fn new(pixels: Vec<u8>, width: usize, height: usize) -> Self {
        Image {
            pixels,
            width,
            height,
            is_clipped: false,
        }
    }

    /// Its top left corner; the image must be large enough.
    pub(super) fn top_left(&self, width: usize, height: usize) -> Image {
        let rows = self.pixels.chunks_exact(self.width * 3).take(height);
        let pixels = rows.flat_map(|row| &row[..width * 3]).copied().collect();
        Image::new(pixels, width, height)
    }

    /// The image turned clockwise by this many quarters.
    pub(super) fn turned(self, quarters: usize) -> Image {
        if quarters == 0 {
            return self;
        }
        let Image {
            pixels,
            width,
            height,
            ..
        } = &self;
        let mut turned = Vec::with_capacity(pixels.len());
        for x in 0..*width {
            for y in (0..*height).rev() {
                let at = (y * width + x) * 3;
                turned.extend_from_slice(&pixels[at..at + 3]);
            }
        }
        Image::new(turned, *height, *width).turned(quarters - 1)
    }

    /// The image, borrowed.
    pub fn as_rgb(&self) -> Rgb<'_> {
        Rgb {
            pixels: &self.pixels,
            width: self.width,
            height: self.height,
        }
    }
}

/// A borrowed RGB image: `[height, width, 3]`, rows without padding.
#[derive(Clone, Copy, Debug)]
pub struct Rgb<'a> {
    /// The pixels, `height * width * 3` bytes.
    pub pixels: &'a [u8],
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// Refuses frames that are empty or larger than [`MAX_SIDE`] and [`MAX_PIXELS`] allow.
pub(super) fn check_size(width: u32, height: u32, path: &Path) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(decode_error(
            path,
            &format!("its size is {width} x {height}"),
        ));
    }
    if width.max(height) > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(ClipError::TooLarge {
            path: path.to_path_buf(),
            reason: format!(
                "{width} x {height} pixels, and at most {MAX_PIXELS} pixels and {MAX_SIDE} a side \
                 are decoded"
            ),
        });
    }
    Ok(())
}

/// The 8 high bits of a sample of 16 bits in native byte order.
pub(super) fn high_byte(sample: &[u8]) -> u8 {
    (u16::from_ne_bytes([sample[0], sample[1]]) >> 8) as u8
}

/// Pillow's `convert("RGB")` on the decoder's samples (16-bit ones in native byte order).
pub(super) fn to_rgb8(raw: Vec<u8>, color: ColorType) -> Option<Vec<u8>> {
    Some(match color {
        ColorType::Rgb8 => raw,
        ColorType::L8 => grey_to_rgb(raw),
        ColorType::La8 => raw
            .chunks_exact(2)
            .flat_map(|pixel| [pixel[0]; 3])
            .collect(),
        ColorType::Rgba8 => raw
            .chunks_exact(4)
            .flat_map(|p| [p[0], p[1], p[2]])
            .collect(),
        ColorType::L16 => raw
            .chunks_exact(2)
            .flat_map(|pixel| [u16::from_ne_bytes([pixel[0], pixel[1]]).min(255) as u8; 3])
            .collect(),
        ColorType::La16 => raw
            .chunks_exact(4)
            .flat_map(|pixel| [high_byte(pixel); 3])
            .collect(),
        ColorType::Rgb16 => raw.chunks_exact(2).map(high_byte).collect(),
        ColorType::Rgba16 => raw
            .chunks_exact(8)
            .flat_map(|p| {
                [
                    high_byte(&p[0..2]),
                    high_byte(&p[2..4]),
                    high_byte(&p[4..6]),
                ]
            })
            .collect(),
        _ => return None,
    })
}

pub(super) fn grey_to_rgb(samples: Vec<u8>) -> Vec<u8> {
    samples.into_iter().flat_map(|grey| [grey; 3]).collect()
}

pub(super) fn decode_error(path: &Path, reason: &str) -> ClipError {
    ClipError::Decode {
        path: path.to_path_buf(),
        reason: reason.to_owned(),
    }
}
