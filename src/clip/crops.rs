//! Spatial views at test time: which crops are taken of a resized frame.

use serde::{Deserialize, Serialize};

use super::opencv;
use super::resample::{self, Region};
use super::rgb::Rgb;
use crate::recipe::{FRAME_SIZE, Preprocess, Resize};
use crate::text::names;

/// How many crops are taken of each frame; the network's scores are averaged over them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Crops {
    /// The centre.
    #[default]
    #[serde(rename = "1")]
    One,
    /// Start, centre and end of the longer side: left, centre, right of a landscape or square
    /// frame; top, centre, bottom of a portrait one. Centred along the shorter side.
    #[serde(rename = "3")]
    Three,
    /// The four corners and the centre, and the mirror images of these five. In the order top
    /// left, top right, bottom left, bottom right, centre, then mirrored in the same order.
    #[serde(rename = "10")]
    Ten,
}

impl Crops {
    /// Number of crops per frame.
    pub fn count(self) -> usize {
        match self {
            Crops::One => 1,
            Crops::Three => 3,
            Crops::Ten => 10,
        }
    }

    /// The crops of one frame after the resize of `preprocess`: [`Crops::count`] images, RGB,
    /// `[224, 224, 3]` each.
    pub fn cut(self, frame: Rgb<'_>, preprocess: Preprocess) -> Vec<Vec<u8>> {
        let resized = preprocess.resized(frame.width, frame.height);
        let resize_region = match preprocess.resize() {
            Resize::Pillow => resample::resize_region,
            Resize::OpenCv => opencv::resize_region,
        };
        let crop = |(left, top)| {
            let region = Region {
                left,
                top,
                width: FRAME_SIZE,
                height: FRAME_SIZE,
            };
            resize_region(frame, resized, region)
        };
        let mut crops: Vec<Vec<u8>> = self
            .places(resized, preprocess)
            .into_iter()
            .map(crop)
            .collect();
        if self == Crops::Ten {
            let mirrored: Vec<_> = crops.iter().map(|crop| mirror(crop)).collect();
            crops.extend(mirrored);
        }
        crops
    }

    /// Left and top of each crop that is not mirrored.
    fn places(self, resized: (usize, usize), preprocess: Preprocess) -> Vec<(usize, usize)> {
        let (width, height) = resized;
        let (right, bottom) = (width - FRAME_SIZE, height - FRAME_SIZE);
        let centre = (
            preprocess.centre_offset(width),
            preprocess.centre_offset(height),
        );
        match self {
            Crops::One => vec![centre],
            Crops::Three if width >= height => vec![(0, centre.1), centre, (right, centre.1)],
            Crops::Three => vec![(centre.0, 0), centre, (centre.0, bottom)],
            Crops::Ten => vec![(0, 0), (right, 0), (0, bottom), (right, bottom), centre],
        }
    }
}

names!(Crops { One = "1", Three = "3", Ten = "10" });

/// Left and right swapped.
pub(super) fn mirror(crop: &[u8]) -> Vec<u8> {
    let mut mirrored = Vec::with_capacity(crop.len());
    for row in crop.chunks_exact(FRAME_SIZE * 3) {
        mirrored.extend(row.rchunks_exact(3).flatten());
    }
    mirrored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_crops_follow_the_longer_side() {
        let places = |size| Crops::Three.places(size, Preprocess::Official);
        assert_eq!(places((340, 256)), [(0, 16), (58, 16), (116, 16)]);
        assert_eq!(places((256, 340)), [(16, 0), (16, 58), (16, 116)]);
        assert_eq!(places((256, 256)), [(0, 16), (16, 16), (32, 16)]);
    }

    #[test]
    fn ten_crops_are_five_and_their_mirror_images() {
        let pixels: Vec<u8> = (0..340 * 256 * 3).map(|i| (i % 251) as u8).collect();
        let frame = Rgb {
            pixels: &pixels,
            width: 340,
            height: 256,
        };
        let crops = Crops::Ten.cut(frame, Preprocess::Official);
        assert_eq!(crops.len(), 10);
        for five in 0..5 {
            assert_eq!(
                crops[five][..3],
                crops[five + 5][(FRAME_SIZE - 1) * 3..FRAME_SIZE * 3]
            );
            assert_eq!(mirror(&crops[five + 5]), crops[five]);
        }
        assert_eq!(crops[4], Crops::One.cut(frame, Preprocess::Official)[0]);
    }
}
