//! The frames that `ffmpeg -c:v pam` writes: a text header with the size, then raw samples.
//!
//! PAM is chosen because it describes itself (a rotated video needs no guess about its size), and
//! because ffmpeg picks the same pixel format for it as for PNG: the frames are those of ffmpeg's
//! own PNG extraction, 10-bit and grey videos included.

use std::io::{self, BufRead, Read};
use std::path::Path;

use image::ColorType;

use crate::clip::error::Result;
use crate::clip::rgb::{Image, check_size, decode_error, high_byte, to_rgb8};

/// No header that ffmpeg writes is longer, in bytes.
const MAX_HEADER: u64 = 1024;

/// Arguments that make ffmpeg write every frame that leaves `filter` to standard output, each once.
///
/// ffmpeg would repeat and drop frames to keep to a constant rate, and the option against that is called otherwise by its older
/// versions. Frames are renumbered, therefore, at a rate so low that none is shown for longer than until the next one: FFmpeg 9
/// repeats a frame whose duration, which a filter does not change, is longer than the output's.
pub fn arguments(filter: &str) -> Vec<String> {
    let filter = format!("{filter},settb=1000,setpts=N");
    let map = ["-map", "0:V:0", "-an", "-sn", "-dn", "-vf", &filter];
    let output = ["-r", "1/1000", "-c:v", "pam", "-f", "image2pipe", "pipe:1"];
    map.iter()
        .chain(&output)
        .map(|&argument| argument.to_owned())
        .collect()
}

/// What the header says: how the samples of a frame lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Samples per pixel.
    pub depth: u32,
    /// The largest sample; beyond 255 a sample has two bytes, the high one first.
    pub maximum: u32,
}

/// Reads the next frame; `None` at the end of the stream. `path` names the video in errors.
///
/// # Errors
/// The outer error is one of reading; the inner one tells what is wrong with the frame.
pub(in crate::clip) fn read_frame(
    reader: &mut impl BufRead,
    path: &Path,
) -> io::Result<Option<Result<Image>>> {
    let header = match read_header(reader)? {
        None => return Ok(None),
        Some(Ok(header)) => header,
        Some(Err(reason)) => return Ok(Some(Err(decode_error(path, &reason)))),
    };
    let mut samples = match header.check(path) {
        Ok(bytes) => vec![0; bytes],
        Err(error) => return Ok(Some(Err(error))),
    };
    reader.read_exact(&mut samples)?;
    Ok(Some(header.image(samples, path)))
}

fn read_header(
    reader: &mut impl BufRead,
) -> io::Result<Option<std::result::Result<Layout, String>>> {
    let mut header = Layout::default();
    let mut limited = reader.take(MAX_HEADER);
    for line_number in 0.. {
        let mut line = Vec::new();
        limited.read_until(b'\n', &mut line)?;
        let line = String::from_utf8_lossy(&line);
        match line.trim_end().split_once(' ') {
            None if line.is_empty() && line_number == 0 => return Ok(None),
            None if line == "P7\n" && line_number == 0 => {}
            None if line == "ENDHDR\n" => break,
            Some((name, value)) if line_number > 0 => header.set(name, value),
            _ => {
                return Ok(Some(Err(format!(
                    "ffmpeg wrote no PAM header, but {line:?}"
                ))));
            }
        }
    }
    Ok(Some(Ok(header)))
}

impl Layout {
    /// The bytes that the samples of a frame have.
    ///
    /// # Errors
    /// [`ClipError::TooLarge`](crate::clip::ClipError::TooLarge), and
    /// [`ClipError::Decode`](crate::clip::ClipError::Decode) for pixels of another kind.
    fn check(&self, path: &Path) -> Result<usize> {
        check_size(self.width, self.height, path)?;
        let Some(color) = self.color() else {
            let Layout { depth, maximum, .. } = self;
            let reason = format!("its pixels have {depth} samples of up to {maximum}");
            return Err(decode_error(path, &reason));
        };
        Ok(self.width as usize * self.height as usize * usize::from(color.bytes_per_pixel()))
    }

    /// The frame with these samples. `path` names the video in errors.
    ///
    /// # Errors
    /// [`ClipError::TooLarge`](crate::clip::ClipError::TooLarge), and
    /// [`ClipError::Decode`](crate::clip::ClipError::Decode) for pixels of another kind, or too many or too few of them.
    pub fn image(self, mut samples: Vec<u8>, path: &Path) -> Result<Image> {
        let unsupported = || decode_error(path, "its pixel format is not supported");
        let expected = self.check(path)?;
        let mut color = self.color().ok_or_else(unsupported)?;
        if samples.len() != expected {
            return Err(decode_error(
                path,
                "it has another size than its header states",
            ));
        }
        self.prepare(&mut samples);
        if color == ColorType::L16 {
            // Of frame files Pillow clips these; of videos ffmpeg takes the high byte, as of every other format.
            samples = samples.chunks_exact(2).map(high_byte).collect();
            color = ColorType::L8;
        }
        let pixels = to_rgb8(samples, color).ok_or_else(unsupported)?;
        Ok(Image::new(
            pixels,
            self.width as usize,
            self.height as usize,
        ))
    }

    fn set(&mut self, name: &str, value: &str) {
        // A value that is no number stays 0, which is refused with the size or the pixel format.
        let number = value.parse().unwrap_or(0);
        match name {
            "WIDTH" => self.width = number,
            "HEIGHT" => self.height = number,
            "DEPTH" => self.depth = number,
            "MAXVAL" => self.maximum = number,
            _ => {}
        }
    }

    fn color(&self) -> Option<ColorType> {
        Some(match (self.depth, self.maximum) {
            (1, 1 | 255) => ColorType::L8,
            (2, 255) => ColorType::La8,
            (3, 255) => ColorType::Rgb8,
            (4, 255) => ColorType::Rgba8,
            (1, 65_535) => ColorType::L16,
            (2, 65_535) => ColorType::La16,
            (3, 65_535) => ColorType::Rgb16,
            (4, 65_535) => ColorType::Rgba16,
            _ => return None,
        })
    }

    /// Samples as the image decoders give them: 16 bits in native byte order, black and white as
    /// 0 and 255.
    fn prepare(&self, samples: &mut [u8]) {
        match self.maximum {
            1 => samples.iter_mut().for_each(|sample| *sample *= 255),
            65_535 => samples.chunks_exact_mut(2).for_each(|pair| {
                let value = u16::from_be_bytes([pair[0], pair[1]]);
                pair.copy_from_slice(&value.to_ne_bytes());
            }),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Option<Result<Image>>> {
        read_frame(&mut &bytes[..], Path::new("video"))
    }

    fn pam(depth: usize, maximum: usize, samples: &[u8]) -> Vec<u8> {
        let header =
            format!("P7\nWIDTH 2\nHEIGHT 1\nDEPTH {depth}\nMAXVAL {maximum}\nTUPLTYPE X\nENDHDR\n");
        [header.as_bytes(), samples].concat()
    }

    #[test]
    fn every_pixel_format_becomes_rgb() {
        let pixels = |bytes: Vec<u8>| read(&bytes).unwrap().unwrap().unwrap().pixels;
        assert_eq!(pixels(pam(3, 255, &[1, 2, 3, 4, 5, 6])), [1, 2, 3, 4, 5, 6]);
        assert_eq!(
            pixels(pam(4, 255, &[1, 2, 3, 0, 4, 5, 6, 0])),
            [1, 2, 3, 4, 5, 6]
        );
        assert_eq!(pixels(pam(1, 1, &[0, 1])), [0, 0, 0, 255, 255, 255]);
        let grey = [0, 1, 0x12, 0x34];
        assert_eq!(pixels(pam(1, 65_535, &grey)), [0, 0, 0, 0x12, 0x12, 0x12]);
        let deep = [1, 99, 2, 99, 3, 99, 4, 99, 5, 99, 6, 99];
        assert_eq!(pixels(pam(3, 65_535, &deep)), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn frames_follow_each_other_to_the_end() {
        let stream = [pam(3, 255, &[7; 6]), pam(3, 255, &[8; 6])].concat();
        let mut reader = &stream[..];
        for value in [7, 8] {
            let image = read_frame(&mut reader, Path::new("video"))
                .unwrap()
                .unwrap()
                .unwrap();
            assert_eq!(image.pixels, [value; 6]);
        }
        assert!(
            read_frame(&mut reader, Path::new("video"))
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        assert!(read(b"moov\n").unwrap().unwrap().is_err());
        assert!(read(&pam(7, 255, &[0; 14])).unwrap().unwrap().is_err());
        assert!(read(&pam(3, 255, &[0; 5])).is_err());
        let huge = b"P7\nWIDTH 60000\nHEIGHT 60000\nDEPTH 3\nMAXVAL 255\nENDHDR\n";
        assert!(matches!(
            read(huge),
            Ok(Some(Err(crate::clip::error::ClipError::TooLarge { .. })))
        ));
    }
}
