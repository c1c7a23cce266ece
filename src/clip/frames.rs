//! The sampled frames of one clip, ready for the network.

use std::path::PathBuf;

use rayon::prelude::*;

use super::decode::decode;
use super::error::{Error, Result};
use super::preprocess::{CROP, Preprocess};

/// Bytes of one cropped frame.
const FRAME_BYTES: usize = CROP * CROP * 3;

/// Where a segment came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFrame {
    /// Position among the clip's frames, counted from 0.
    pub index: usize,
    /// The file; `None` for a frame of a video.
    pub path: Option<PathBuf>,
    /// Width before any resize, in pixels.
    pub width: usize,
    /// Height before any resize, in pixels.
    pub height: usize,
}

/// A clip's segments after resize and crop, as the network sees them but for order and means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frames {
    pixels: Vec<u8>,
    sources: Vec<SourceFrame>,
}

impl Frames {
    /// Puts together `crops` (RGB, `[224, 224, 3]` each) with where they came from.
    pub(crate) fn new(segments: impl IntoIterator<Item = (SourceFrame, Vec<u8>)>) -> Self {
        let mut frames = Frames {
            pixels: Vec::new(),
            sources: Vec::new(),
        };
        for (source, crop) in segments {
            debug_assert_eq!(crop.len(), FRAME_BYTES);
            frames.pixels.extend_from_slice(&crop);
            frames.sources.push(source);
        }
        frames
    }

    /// Number of segments.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether there are no segments.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// All pixels: RGB, `[segments, 224, 224, 3]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The segments' pixels one by one: RGB, `[224, 224, 3]` each.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.pixels.chunks_exact(FRAME_BYTES)
    }

    /// Where each segment came from.
    pub fn sources(&self) -> &[SourceFrame] {
        &self.sources
    }

    /// Number of values [`Frames::write_normalised`] writes: `segments * 3 * 224 * 224`.
    pub fn normalised_len(&self) -> usize {
        self.pixels.len()
    }

    /// Writes the network's input: `[segments, 3, 224, 224]`, channels blue, green, red, values
    /// 0..255 less the means of `preprocess` (the one the frames were loaded with).
    ///
    /// # Errors
    /// [`Error::BufferLength`] unless `out` holds [`Frames::normalised_len`] values.
    pub fn write_normalised(&self, preprocess: Preprocess, out: &mut [f32]) -> Result<()> {
        let (expected, actual) = (self.normalised_len(), out.len());
        if expected != actual {
            return Err(Error::BufferLength { expected, actual });
        }
        for (crop, out) in self.iter().zip(out.chunks_exact_mut(FRAME_BYTES)) {
            preprocess.normalise(crop, out);
        }
        Ok(())
    }
}

/// Decodes, resizes and crops the frames at `indices` (counted from 0) of a clip's `paths`.
///
/// Each distinct frame is decoded once, on the current rayon pool; no other frame is touched.
///
/// # Errors
/// [`Error::IndexOutOfRange`], and what [`decode`] returns for the first frame that fails.
pub fn load(paths: &[PathBuf], indices: &[usize], preprocess: Preprocess) -> Result<Frames> {
    let mut distinct = indices.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let decoded: Vec<Result<(SourceFrame, Vec<u8>)>> = distinct
        .par_iter()
        .map(|&index| load_one(paths, index, preprocess))
        .collect();
    let decoded = decoded.into_iter().collect::<Result<Vec<_>>>()?;
    let segment = |index| decoded.get(distinct.binary_search(index).ok()?).cloned();
    Ok(Frames::new(indices.iter().filter_map(segment)))
}

fn load_one(
    paths: &[PathBuf],
    index: usize,
    preprocess: Preprocess,
) -> Result<(SourceFrame, Vec<u8>)> {
    let path = paths.get(index).ok_or(Error::IndexOutOfRange {
        index,
        frames: paths.len(),
    })?;
    let image = decode(path)?;
    let source = SourceFrame {
        index,
        path: Some(path.clone()),
        width: image.width,
        height: image.height,
    };
    Ok((source, preprocess.crop(image.as_rgb())))
}
