//! From an image file to 8-bit RGB, as Pillow's `Image.open(path).convert("RGB")` gives it.
//!
//! - The format is told from the content, not from the extension: JPEG, PNG, BMP or WebP.
//! - Grey becomes three equal channels, palettes are looked up, alpha is dropped (not blended).
//! - 16 bits per channel: the high byte, except for grey without alpha, which Pillow clips at 255
//!   instead of scaling. That is of little use, and kept, because it is what PyTorch users get.
//! - CMYK is turned into RGB without a colour profile: `(255 - c) * (255 - k) / 255`.
//! - EXIF orientation is ignored: Pillow does not turn the image either unless it is asked to.
//! - Of an animation, the first image.
//!
//! PNG, BMP and WebP are bit-exact; JPEG differs from Pillow's decoder by rounding (see `jpeg.rs`).

use std::fs;
use std::io::{self, Cursor, Read};
use std::path::Path;

use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageReader};

use super::error::{Error, Result};
use super::jpeg;
use super::resample::Rgb;

/// Largest file that is read as a frame, in bytes.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

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
}

impl Image {
    /// The image, borrowed for [`resample`](super::resample).
    pub fn as_rgb(&self) -> Rgb<'_> {
        Rgb {
            pixels: &self.pixels,
            width: self.width,
            height: self.height,
        }
    }
}

/// Decodes the frame at `path`.
///
/// # Errors
/// [`Error::FrameVanished`] when the file does not exist, [`Error::PermissionDenied`],
/// [`Error::Truncated`], [`Error::TooLarge`] beyond [`MAX_SIDE`], [`MAX_PIXELS`] or
/// [`MAX_FILE_BYTES`], [`Error::Decode`] for anything that is not an image of a known format,
/// [`Error::Io`] for the rest.
pub fn decode(path: &Path) -> Result<Image> {
    decode_bytes(&read(path)?, path)
}

/// Decodes a frame held in memory; `path` is only used to name it in errors, as [`decode`] does.
///
/// # Errors
/// As [`decode`], except for those of reading.
pub fn decode_bytes(bytes: &[u8], path: &Path) -> Result<Image> {
    let format = supported_format(bytes, path)?;
    if format == ImageFormat::Jpeg {
        return jpeg::decode(bytes, path);
    }
    let decoder = ImageReader::with_format(Cursor::new(bytes), format)
        .into_decoder()
        .map_err(|error| from_image_error(error, path))?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, path)?;

    let color = decoder.color_type();
    let mut raw = vec![0; usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX)];
    decoder
        .read_image(&mut raw)
        .map_err(|error| from_image_error(error, path))?;
    let pixels = to_rgb8(raw, color).ok_or_else(|| Error::Decode {
        path: path.to_path_buf(),
        reason: format!("its pixels are {color:?}, which is not supported"),
    })?;
    Ok(Image {
        pixels,
        width: width as usize,
        height: height as usize,
    })
}

/// The bytes of the frame at `path`, for [`decode_bytes`].
///
/// # Errors
/// As [`decode`], as far as they are about reading.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let vanished = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Error::FrameVanished {
            path: path.to_path_buf(),
        },
        _ => Error::from_io(path, error),
    };
    // Before opening: opening a named pipe would wait for a writer.
    let metadata = fs::metadata(path).map_err(vanished)?;
    if !metadata.is_file() {
        return Err(decode_error(path, "it is not a regular file"));
    }
    let too_large = |size: u64| Error::TooLarge {
        path: path.to_path_buf(),
        reason: format!("{size} bytes, and at most {MAX_FILE_BYTES} are read"),
    };
    if metadata.len() > MAX_FILE_BYTES {
        return Err(too_large(metadata.len()));
    }
    let file = fs::File::open(path).map_err(vanished)?;
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    // The size is a claim: the file may be growing.
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(vanished)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

fn supported_format(bytes: &[u8], path: &Path) -> Result<ImageFormat> {
    use ImageFormat::{Bmp, Jpeg, Png, WebP};
    if bytes.is_empty() {
        return Err(decode_error(path, "the file is empty"));
    }
    match image::guess_format(bytes) {
        Ok(format @ (Jpeg | Png | Bmp | WebP)) => Ok(format),
        Ok(other) => Err(decode_error(
            path,
            &format!("it is a {other:?} file, and frames are JPEG, PNG, BMP or WebP"),
        )),
        Err(_) => Err(decode_error(
            path,
            "it does not start like a JPEG, PNG, BMP or WebP image",
        )),
    }
}

pub(super) fn check_size(width: u32, height: u32, path: &Path) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(decode_error(
            path,
            &format!("its size is {width} x {height}"),
        ));
    }
    if width.max(height) > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Error::TooLarge {
            path: path.to_path_buf(),
            reason: format!(
                "{width} x {height} pixels, and at most {MAX_PIXELS} pixels and {MAX_SIDE} a side \
                 are decoded"
            ),
        });
    }
    Ok(())
}

/// Pillow's `convert("RGB")` on the decoder's samples (16-bit ones in native byte order).
pub(super) fn to_rgb8(raw: Vec<u8>, color: ColorType) -> Option<Vec<u8>> {
    let sample = |bytes: &[u8]| u16::from_ne_bytes([bytes[0], bytes[1]]);
    let high = |bytes: &[u8]| (sample(bytes) >> 8) as u8;
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
            .flat_map(|pixel| [sample(pixel).min(255) as u8; 3])
            .collect(),
        ColorType::La16 => raw
            .chunks_exact(4)
            .flat_map(|pixel| [high(pixel); 3])
            .collect(),
        ColorType::Rgb16 => raw.chunks_exact(2).map(high).collect(),
        ColorType::Rgba16 => raw
            .chunks_exact(8)
            .flat_map(|p| [high(&p[0..2]), high(&p[2..4]), high(&p[4..6])])
            .collect(),
        _ => return None,
    })
}

pub(super) fn grey_to_rgb(samples: Vec<u8>) -> Vec<u8> {
    samples.into_iter().flat_map(|grey| [grey; 3]).collect()
}

fn from_image_error(error: ImageError, path: &Path) -> Error {
    let path_buf = path.to_path_buf();
    match error {
        ImageError::Limits(limits) => Error::TooLarge {
            path: path_buf,
            reason: limits.to_string(),
        },
        ImageError::IoError(io) if io.kind() == io::ErrorKind::UnexpectedEof => Error::Truncated {
            path: path_buf,
            reason: "the file ends too early".to_owned(),
        },
        other => decode_error(path, &other.to_string()),
    }
}

pub(super) fn decode_error(path: &Path, reason: &str) -> Error {
    Error::Decode {
        path: path.to_path_buf(),
        reason: reason.to_owned(),
    }
}
