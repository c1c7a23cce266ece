//! The named ways from a decoded frame to the network's input.

use serde::{Deserialize, Serialize};

use super::FRAME_SIZE;
use crate::text::names;

/// How a frame becomes the network's input. All end in a 224 x 224 crop with values in
/// 0..255, channels in the order blue, green, red, less a mean per channel, not divided by
/// anything. They differ in the resize and in the means.
///
/// | name | resize | crop offset | mean of B, G, R |
/// |---|---|---|---|
/// | `official` | shorter side to 256 | half the rest, rounded half to even | 104, 117, 128 |
/// | `book` | shorter side to 224 | half the rest, rounded half to even | 123, 117, 104 |
/// | `caffe` | none | half the rest, rounded down | 104, 117, 123 |
/// | `caffe-320x240` | to 320 x 240, whatever the aspect | half the rest, rounded down | 104, 117, 123 |
///
/// The resize is Pillow's bilinear, antialiased when it shrinks; the longer side becomes
/// `trunc(shorter * long / short)`, and a frame whose shorter side already fits is left alone.
/// `official` and `book` enlarge small frames by the same rule. `caffe` itself refuses frames
/// smaller than the crop; here their shorter side is enlarged to 224, as in `book`. The resize of
/// `caffe-320x240` is OpenCV's, as in Caffe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preprocess {
    /// What the official PyTorch checkpoints were trained with.
    ///
    /// Source: mzolfaghari/ECO-pytorch @ b175e7c, main.py, transforms.py and models.py.
    #[default]
    Official,
    /// What the book's notebook does. It subtracts the means before it swaps the channels, so that
    /// the mean meant for blue meets red; and it sees a wider field.
    ///
    /// Source: YutaroOgawa/pytorch_advanced @ bada8e0, utils/eco.py.
    Book,
    /// What the Caffe models for Kinetics and UCF101 do.
    ///
    /// Source: mzolfaghari/ECO-efficient-video-understanding @ 1e77cbd, the TEST phase of the
    /// prototxt files and data_transformer.cpp.
    Caffe,
    /// What the Caffe models for HMDB51 and Something-Something do.
    ///
    /// Source: as [`Preprocess::Caffe`]; `new_width` and `new_height` of the data layer, and
    /// util/io.cpp.
    #[serde(rename = "caffe-320x240")]
    Caffe320x240,
}

/// Which program's way of resizing 8-bit images a preprocessing goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// Pillow's `BILINEAR`.
    Pillow,
    /// OpenCV's `INTER_LINEAR`.
    OpenCv,
}

impl Preprocess {
    /// What is subtracted from blue, green and red, in this order.
    pub fn means_bgr(self) -> [f32; 3] {
        match self {
            Preprocess::Official => [104.0, 117.0, 128.0],
            Preprocess::Book => [123.0, 117.0, 104.0],
            Preprocess::Caffe | Preprocess::Caffe320x240 => [104.0, 117.0, 123.0],
        }
    }

    /// The size `(width, height)` a frame is resized to before the crop. Neither side of the
    /// result is below [`FRAME_SIZE`].
    pub fn resized(self, width: usize, height: usize) -> (usize, usize) {
        match self {
            Preprocess::Official => shorter_side_to(256, width, height),
            Preprocess::Book => shorter_side_to(FRAME_SIZE, width, height),
            Preprocess::Caffe if width.min(height) < FRAME_SIZE => {
                shorter_side_to(FRAME_SIZE, width, height)
            }
            Preprocess::Caffe => (width, height),
            Preprocess::Caffe320x240 => (320, 240),
        }
    }

    /// How it is resized to that size.
    pub fn resize(self) -> Resize {
        match self {
            Preprocess::Caffe320x240 => Resize::OpenCv,
            _ => Resize::Pillow,
        }
    }

    /// Where the central crop starts along a side of `length` pixels.
    pub fn centre_offset(self, length: usize) -> usize {
        let rest = length.saturating_sub(FRAME_SIZE);
        match self {
            Preprocess::Official | Preprocess::Book => halve_to_even(rest),
            Preprocess::Caffe | Preprocess::Caffe320x240 => rest / 2,
        }
    }

    /// Writes one cropped frame, RGB `[224, 224, 3]`, as the network takes it: `[3, 224, 224]` in
    /// the order blue, green, red, less the means.
    pub fn normalise(self, crop: &[u8], out: &mut [f32]) {
        let mut planes = out.chunks_exact_mut(FRAME_SIZE * FRAME_SIZE);
        for (channel, mean) in [2, 1, 0].into_iter().zip(self.means_bgr()) {
            let Some(plane) = planes.next() else { return };
            for (value, pixel) in plane.iter_mut().zip(crop.chunks_exact(3)) {
                *value = f32::from(pixel[channel]) - mean;
            }
        }
    }
}

names!(Preprocess {
    Official = "official",
    Book = "book",
    Caffe = "caffe",
    Caffe320x240 = "caffe-320x240",
});

/// torchvision's `Resize(side)`: the longer side is truncated, not rounded.
fn shorter_side_to(side: usize, width: usize, height: usize) -> (usize, usize) {
    let longer = |long: usize, short: usize| ((side * long) as f64 / short as f64) as usize;
    if width <= height {
        (side, longer(height, width))
    } else {
        (longer(width, height), side)
    }
}

/// Python's `int(round(rest / 2))`: halves go to the even neighbour.
fn halve_to_even(rest: usize) -> usize {
    let down = rest / 2;
    down + (rest % 2) * (down % 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_is_truncated() {
        assert_eq!(Preprocess::Official.resized(340, 256), (340, 256));
        assert_eq!(Preprocess::Official.resized(1280, 720), (455, 256));
        assert_eq!(Preprocess::Official.resized(720, 1280), (256, 455));
        assert_eq!(Preprocess::Book.resized(340, 256), (297, 224));
        assert_eq!(Preprocess::Book.resized(224, 300), (224, 300));
    }

    #[test]
    fn small_frames_are_enlarged_until_the_crop_fits() {
        assert_eq!(Preprocess::Official.resized(1, 1), (256, 256));
        assert_eq!(Preprocess::Caffe.resized(100, 300), (224, 672));
        assert_eq!(Preprocess::Caffe.resized(320, 240), (320, 240));
        assert_eq!(Preprocess::Caffe320x240.resized(100, 300), (320, 240));
    }

    #[test]
    fn half_pixels_of_the_crop_offset_go_to_the_even_neighbour() {
        assert_eq!(Preprocess::Official.centre_offset(256), 16);
        // 1.5 rounds to 2, 0.5 rounds to 0, 2.5 rounds to 2.
        assert_eq!(Preprocess::Official.centre_offset(227), 2);
        assert_eq!(Preprocess::Book.centre_offset(225), 0);
        assert_eq!(Preprocess::Book.centre_offset(229), 2);
        assert_eq!(Preprocess::Caffe.centre_offset(227), 1);
    }

    #[test]
    fn channels_come_out_blue_first_less_their_means() {
        let crop: Vec<u8> = std::iter::repeat_n([10, 20, 30], FRAME_SIZE * FRAME_SIZE)
            .flatten()
            .collect();
        let mut out = vec![0.0; 3 * FRAME_SIZE * FRAME_SIZE];
        Preprocess::Official.normalise(&crop, &mut out);
        let planes: Vec<f32> = out
            .chunks(FRAME_SIZE * FRAME_SIZE)
            .map(|plane| plane[77])
            .collect();
        assert_eq!(planes, [30.0 - 104.0, 20.0 - 117.0, 10.0 - 128.0]);
        Preprocess::Book.normalise(&crop, &mut out);
        assert_eq!(out[0], 30.0 - 123.0);
        assert_eq!(out[2 * FRAME_SIZE * FRAME_SIZE], 10.0 - 104.0);
    }

    #[test]
    fn names_are_those_of_metadata() {
        for preprocess in Preprocess::ALL {
            let json = serde_json::to_string(preprocess).unwrap();
            assert_eq!(json, format!("\"{preprocess}\""));
        }
    }
}
