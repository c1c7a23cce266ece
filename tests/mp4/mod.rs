//! Writes into MP4 files what not every version of the ffmpeg program can write.

use std::fs;
use std::path::Path;

/// Bytes from the name of a track's header (`tkhd`, version 0) to its matrix (ISO/IEC 14496-12, 8.3.2).
const TO_MATRIX: usize = 44;

/// Has players turn every track of the video clockwise, by 90, 180 or 270 degrees.
pub(crate) fn turn(video: &Path, degrees: u32) {
    let (a, b, c, d) = match degrees {
        90 => (0, 1, -1, 0),
        180 => (-1, 0, 0, -1),
        270 => (0, -1, 1, 0),
        _ => panic!("{degrees} degrees"),
    };
    // 16.16 fixed point; the last column is 2.30.
    let rows = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30];
    let matrix: Vec<u8> = rows
        .iter()
        .flat_map(|value: &i32| value.to_be_bytes())
        .collect();
    let mut bytes = fs::read(video).unwrap();
    let headers: Vec<usize> = (0..bytes.len() - 4)
        .filter(|&at| bytes[at..].starts_with(b"tkhd\0"))
        .collect();
    assert!(!headers.is_empty(), "no track in {}", video.display());
    for header in headers {
        bytes[header + TO_MATRIX..][..matrix.len()].copy_from_slice(&matrix);
    }
    fs::write(video, bytes).unwrap();
}
