//! JPEG frames, as close to libjpeg (and so to Pillow) as pure Rust gets.
//!
//! Two things decide how far decoders are apart: how the chroma of 4:2:0 and 4:2:2 images is
//! interpolated, and what happens to a file that stops in the middle. `jpeg-decoder` interpolates
//! as libjpeg does, but for the rounding: 0.06 to 0.13 grey levels from Pillow on photographs of
//! 340 x 256 in 4:2:0. (`zune-jpeg`, which the `image` crate uses, rounds up twice: 0.11 to 0.37.)
//! libjpeg refuses a file without its end; [`check_complete`] restores that.

use std::path::Path;

use jpeg_decoder::{Decoder, Error as JpegError, PixelFormat};

use super::error::{ClipError, Result};
use super::rgb::{Image, MAX_PIXELS, check_size, decode_error, grey_to_rgb};

/// Decodes a JPEG file held in memory; `path` names it in errors.
pub(super) fn decode(bytes: &[u8], path: &Path) -> Result<Image> {
    check_complete(bytes).map_err(|reason| ClipError::Truncated {
        path: path.to_path_buf(),
        reason,
    })?;
    let failed = |error: JpegError| decode_error(path, &error.to_string());
    let mut decoder = Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(MAX_PIXELS as usize * 4);
    decoder.read_info().map_err(failed)?;
    let info = decoder
        .info()
        .ok_or_else(|| decode_error(path, "it has no image"))?;
    check_size(u32::from(info.width), u32::from(info.height), path)?;

    let samples = decoder.decode().map_err(failed)?;
    let pixels = match info.pixel_format {
        PixelFormat::RGB24 => samples,
        PixelFormat::L8 => grey_to_rgb(samples),
        PixelFormat::CMYK32 => cmyk_to_rgb(&samples),
        PixelFormat::L16 => return Err(decode_error(path, "its samples have more than 8 bits")),
    };
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    if pixels.len() != width * height * 3 {
        return Err(decode_error(
            path,
            "its header and its data disagree about the size",
        ));
    }
    Ok(Image::new(pixels, width, height))
}

/// Pillow's conversion, without colour profiles: `(255 - c) * (255 - k) / 255`, rounded.
fn cmyk_to_rgb(samples: &[u8]) -> Vec<u8> {
    let ink = |colour: u8, white: u32| {
        let product = u32::from(colour) * white + 128;
        (white - (((product >> 8) + product) >> 8)) as u8
    };
    let to_rgb = |pixel: &[u8]| {
        let white = 255 - u32::from(pixel[3]);
        [
            ink(pixel[0], white),
            ink(pixel[1], white),
            ink(pixel[2], white),
        ]
    };
    samples.chunks_exact(4).flat_map(to_rgb).collect()
}

/// Start of scan: after its header come entropy-coded bytes instead of a next segment.
const SOS: u8 = 0xDA;
/// End of image.
const EOI: u8 = 0xD9;

/// Looks for the end-of-image marker behind the image data (not the one of a thumbnail in the metadata).
///
/// `Err` says where the file ends.
fn check_complete(bytes: &[u8]) -> std::result::Result<(), String> {
    let mut at = 2;
    let mut in_scan = false;
    while let Some(marker_at) = next_marker(bytes, at, in_scan) {
        match bytes[marker_at + 1] {
            EOI => return Ok(()),
            // TEM and restart markers stand alone.
            0x01 | 0xD0..=0xD7 => at = marker_at + 2,
            marker => {
                let Some(length) = bytes.get(marker_at + 2..marker_at + 4) else {
                    break;
                };
                at = marker_at + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
                in_scan = marker == SOS;
            }
        }
    }
    let place = if in_scan { "image data" } else { "header" };
    Err(format!(
        "it ends inside the {place}, after {} bytes",
        bytes.len()
    ))
}

/// Position of the next `FF xx` that is a marker. In entropy-coded data `FF 00` is a byte of data; `FF FF` is filling.
fn next_marker(bytes: &[u8], from: usize, in_scan: bool) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let is_marker = |pair: &[u8]| {
        pair[0] == 0xFF
            && pair[1] != 0xFF
            && pair[1] != 0x00
            && !(in_scan && (0xD0..=0xD7).contains(&pair[1]))
    };
    Some(from + rest.windows(2).position(is_marker)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: [u8; 2] = [0xFF, 0xD8];
    const SCAN: [u8; 9] = [0xFF, 0xDA, 0x00, 0x03, 0x00, 0x12, 0xFF, 0x00, 0x34];

    fn file(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn a_file_with_its_end_marker_is_complete() {
        assert_eq!(
            check_complete(&file(&[&START, &SCAN, &[0xFF, 0xD0, 0x55], &[0xFF, EOI]])),
            Ok(())
        );
        assert_eq!(
            check_complete(&file(&[&START, &SCAN, &SCAN, &[0xFF, EOI, 0, 0]])),
            Ok(())
        );
    }

    #[test]
    fn the_end_of_a_thumbnail_does_not_count() {
        let thumbnail = [0xFF, 0xE1, 0x00, 0x06, 0xFF, 0xD8, 0xFF, 0xD9];
        let error = check_complete(&file(&[&START, &thumbnail, &SCAN])).unwrap_err();
        assert!(error.contains("image data"), "{error}");
    }

    #[test]
    fn a_file_that_ends_early_is_not_complete_wherever_it_ends() {
        let whole = file(&[&START, &SCAN, &[0xFF, EOI]]);
        for length in 2..whole.len() {
            assert!(check_complete(&whole[..length]).is_err(), "{length} bytes");
        }
    }
}
