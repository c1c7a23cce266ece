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

use super::error::{ClipError, Result};
use super::jpeg;
use super::reading::read_error;
use super::rgb::{Image, check_size, decode_error, to_rgb8};

/// Largest file that is read as a frame, in bytes.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// Decodes the frame at `path`.
///
/// # Errors
/// [`ClipError::FrameVanished`] when the file does not exist, [`ClipError::PermissionDenied`],
/// [`ClipError::Truncated`], [`ClipError::TooLarge`] beyond `MAX_SIDE`, `MAX_PIXELS` or
/// [`MAX_FILE_BYTES`], [`ClipError::Decode`] for anything that is not an image of a known format,
/// [`ClipError::Io`] for the rest.
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
    let is_bright = |sample: &[u8]| u16::from_ne_bytes([sample[0], sample[1]]) > 255;
    let is_clipped = color == ColorType::L16 && raw.chunks_exact(2).any(is_bright);
    let pixels = to_rgb8(raw, color).ok_or_else(|| ClipError::Decode {
        path: path.to_path_buf(),
        reason: format!("its pixels are {color:?}, which is not supported"),
    })?;
    Ok(Image {
        is_clipped,
        ..Image::new(pixels, width as usize, height as usize)
    })
}

/// The bytes of the frame at `path`, for [`decode_bytes`].
///
/// # Errors
/// As [`decode`], as far as they are about reading.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let vanished = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => ClipError::FrameVanished {
            path: path.to_path_buf(),
        },
        _ => read_error(path, error),
    };
    // Before opening: opening a named pipe would wait for a writer.
    let metadata = fs::metadata(path).map_err(vanished)?;
    if !metadata.is_file() {
        return Err(decode_error(path, "it is not a regular file"));
    }
    let too_large = |size: u64| ClipError::TooLarge {
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

fn from_image_error(error: ImageError, path: &Path) -> ClipError {
    let path_buf = path.to_path_buf();
    match error {
        ImageError::Limits(limits) => ClipError::TooLarge {
            path: path_buf,
            reason: limits.to_string(),
        },
        ImageError::IoError(io) if io.kind() == io::ErrorKind::UnexpectedEof => {
            ClipError::Truncated {
                path: path_buf,
                reason: "the file ends too early".to_owned(),
            }
        }
        other => decode_error(path, &other.to_string()),
    }
}
