//! The sampled frames of one clip, ready for the network.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::crops::Crops;
use super::cut::Cut;
use super::decode::{decode_bytes, read};
use super::error::{ClipError, Result};
use super::rgb::Image;
use super::turns::Turns;
use crate::recipe::{FRAME_SIZE, Preprocess};

/// Bytes of one cropped frame.
pub(super) const FRAME_BYTES: usize = FRAME_SIZE * FRAME_SIZE * 3;

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
    /// Whether samples of 16-bit grey were clipped at 255, as Pillow does it.
    pub is_clipped: bool,
}

impl SourceFrame {
    /// The file's name; `None` for a frame of a video.
    pub fn name(&self) -> Option<String> {
        let name = self.path.as_ref()?.file_name()?;
        Some(name.to_string_lossy().into_owned())
    }
}

/// A clip's segments after resize and crop, as the network sees them but for order and means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frames {
    pixels: Vec<u8>,
    sources: Vec<SourceFrame>,
}

impl Frames {
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
    /// [`ClipError::BufferLength`] unless `out` holds [`Frames::normalised_len`] values.
    pub fn write_normalised(&self, preprocess: Preprocess, out: &mut [f32]) -> Result<()> {
        let (expected, actual) = (self.normalised_len(), out.len());
        if expected != actual {
            return Err(ClipError::BufferLength { expected, actual });
        }
        for (crop, out) in self.iter().zip(out.chunks_exact_mut(FRAME_BYTES)) {
            preprocess.normalise(crop, out);
        }
        Ok(())
    }
}

/// A decoded frame, reduced to what views have of it.
#[derive(Clone, Debug)]
pub(super) struct Cropped {
    source: SourceFrame,
    images: Vec<(Cut, Vec<Vec<u8>>)>,
}

impl Cropped {
    pub(super) fn new(
        image: &Image,
        index: usize,
        path: Option<&Path>,
        preprocess: Preprocess,
        cuts: &[Cut],
    ) -> Self {
        let (width, height) = (image.width, image.height);
        let source = SourceFrame {
            index,
            path: path.map(Path::to_path_buf),
            width,
            height,
            is_clipped: image.is_clipped,
        };
        Cropped {
            source,
            images: cuts
                .iter()
                .map(|&cut| (cut, cut.of(image.as_rgb(), preprocess)))
                .collect(),
        }
    }

    /// A frame of a video that was cropped elsewhere: `pixels` has the images of each cut, one after another.
    pub(super) fn of_images(
        index: usize,
        (width, height): (usize, usize),
        cuts: &[Cut],
        pixels: &[u8],
    ) -> Self {
        let source = SourceFrame {
            index,
            path: None,
            width,
            height,
            is_clipped: false,
        };
        let mut images = pixels.chunks_exact(FRAME_BYTES).map(<[u8]>::to_vec);
        let images = |cut: &Cut| (*cut, images.by_ref().take(cut.count()).collect());
        Cropped {
            source,
            images: cuts.iter().map(images).collect(),
        }
    }

    /// The images of all cuts, one after another.
    pub(super) fn all_images(&self) -> impl Iterator<Item = &[u8]> {
        let images = self.images.iter().flat_map(|(_, images)| images);
        images.map(Vec::as_slice)
    }

    /// The images of a cut; none of one that it was not made for.
    fn images(&self, cut: Cut) -> &[Vec<u8>] {
        let found = self.images.iter().find(|(known, _)| *known == cut);
        found.map_or(&[], |(_, images)| images)
    }
}

/// Puts the views of a clip together: for each list of indices one [`Frames`] per image of `cut`. `find`
/// gives the frame of an index; all indices of `views` must be known to it.
pub(super) fn assemble<'a>(
    views: &[Vec<usize>],
    cut: Cut,
    find: impl Fn(usize) -> Option<&'a Cropped>,
) -> Vec<Frames> {
    let mut assembled = Vec::with_capacity(views.len() * cut.count());
    for view in views {
        for image in 0..cut.count() {
            let mut frames = Frames {
                pixels: Vec::new(),
                sources: Vec::new(),
            };
            frames.pixels.reserve_exact(view.len() * FRAME_BYTES);
            for found in view.iter().filter_map(|&index| find(index)) {
                frames.pixels.extend_from_slice(&found.images(cut)[image]);
                frames.sources.push(found.source.clone());
            }
            assembled.push(frames);
        }
    }
    assembled
}

/// The indices that occur in `views`, ascending, each once.
pub(super) fn distinct(views: &[Vec<usize>]) -> Vec<usize> {
    let mut indices = views.concat();
    indices.sort_unstable();
    indices.dedup();
    indices
}

/// Decodes, resizes and crops the frames at `indices` (counted from 0) of a clip's `paths`.
///
/// Each distinct frame is decoded once, on the current rayon pool; no other frame is touched.
///
/// # Errors
/// [`ClipError::IndexOutOfRange`], and what [`decode`](super::decode::decode) returns for the first frame that fails.
pub fn load(paths: &[PathBuf], indices: &[usize], preprocess: Preprocess) -> Result<Frames> {
    let views = load_views(paths, &[indices.to_vec()], preprocess, Crops::One)?;
    Ok(views.into_iter().next().unwrap_or_default())
}

/// As [`load`], for several lists of indices and several crops: for each list one [`Frames`] per
/// crop, the crops of the first list first.
///
/// # Errors
/// As [`load`].
pub fn load_views(
    paths: &[PathBuf],
    views: &[Vec<usize>],
    preprocess: Preprocess,
    crops: Crops,
) -> Result<Vec<Frames>> {
    let cut = Cut::Crops(crops);
    load_in_turn(
        paths,
        &|index| read(&paths[index]),
        views,
        preprocess,
        cut,
        &Turns::beside(),
    )
}

/// As [`load_views`], with any cut, when it is decoding's turn. `read` gives the bytes of the frame at an index.
pub(super) fn load_in_turn(
    paths: &[PathBuf],
    read: &(dyn Fn(usize) -> Result<Vec<u8>> + Sync),
    views: &[Vec<usize>],
    preprocess: Preprocess,
    cut: Cut,
    turns: &Turns,
) -> Result<Vec<Frames>> {
    let indices = distinct(views);
    let load_one = |&index: &usize| {
        let path = paths.get(index).ok_or(ClipError::IndexOutOfRange {
            index,
            frames: paths.len(),
        })?;
        let bytes = read(index)?;
        turns.decode(|| {
            let image = decode_bytes(&bytes, path)?;
            Ok(Cropped::new(&image, index, Some(path), preprocess, &[cut]))
        })
    };
    let decoded: Vec<Result<Cropped>> = indices.par_iter().map(load_one).collect();
    // Collected first, so that the error is that of the first frame, whichever thread was faster.
    let decoded = decoded.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(assemble(views, cut, |index| {
        decoded.get(indices.binary_search(&index).ok()?)
    }))
}
