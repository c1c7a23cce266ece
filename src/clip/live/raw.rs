//! Raw frames: RGB of 8 bits, one after the other, without anything between them.

use std::io::{self, Read};
use std::time::Instant;

use super::clock::Clock;
use super::options::{LiveOptions, RawSize};
use super::patient::{LOOK, Patient, is_closed};
use super::sink::Sink;
use super::source::Source;
use crate::clip::error::{ClipError, Result};
use crate::clip::rgb::{Image, check_size};
use crate::clip::video::chunks::Chunks;

/// Reads raw frames to the end.
///
/// # Errors
/// [`ClipError::TooLarge`], [`ClipError::Stalled`], and [`ClipError::Stream`] for a stream that ends within a frame.
pub(super) fn run(
    input: impl Read + Send + 'static,
    size: RawSize,
    source: &Source,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let path = source.path();
    check_size(size.width, size.height, &path)?;
    let LiveOptions {
        timeout,
        source_fps,
        ..
    } = *sink.options;
    let (width, height) = (size.width as usize, size.height as usize);
    let mut reader = Patient::new(Chunks::of(input, LOOK), sink.ring, timeout);
    let mut clock = Clock::default();
    for number in 0.. {
        let mut pixels = vec![0; width * height * 3];
        let read = match fill(&mut reader, &mut pixels) {
            Ok(read) => read,
            Err(error) if is_closed(&error) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(ClipError::Stalled {
                    path,
                    patience: timeout,
                });
            }
            Err(source) => return Err(ClipError::Io { path, source }),
        };
        if read == 0 {
            break;
        }
        if read < pixels.len() {
            let wanted = pixels.len();
            let reason = format!(
                "it ends within frame {number}, after {read} of its {wanted} bytes: are its frames rgb24 of {width} x {height}?"
            );
            return Err(ClipError::Stream { path, reason });
        }
        let seconds = match source_fps {
            Some(fps) => number as f64 / fps,
            None => clock.seconds(f64::NAN, Instant::now()),
        };
        let image = Image::new(pixels, width, height);
        if sink.image(number, seconds, image).is_break() {
            break;
        }
    }
    Ok(())
}

/// Reads until the buffer is full or the input ends. Returns how much was read.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match reader.read(&mut buffer[read..])? {
            0 => break,
            count => read += count,
        }
    }
    Ok(read)
}
