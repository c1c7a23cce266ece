//! Which values are zeroed in training.

use tch::Tensor;

use super::start::size;
use crate::engine::Result;
use crate::random::{Draws, fnv1a};
use crate::train::recipe::Dropout;
use crate::train::schedule::Position;

/// Where values are zeroed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The features that the head reads.
    Head,
    /// The features of each frame.
    Frames,
    /// The features of the 3D net.
    Volume,
}

/// The masks of some clips of a step. They depend on the seed, the step, and which of the step's clips a clip is: neither on
/// the clips that are computed together with it, nor on the device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Masks {
    pub shares: Dropout,
    pub seed: u64,
    pub at: Position,
    /// Clips of the step that were computed before.
    pub first: usize,
    /// How many clips there are.
    pub clips: usize,
}

impl Masks {
    /// Zeroes values and makes the others larger, so that the expected value stays. The values of clips come one after the
    /// other.
    pub(super) fn apply(&self, x: &Tensor, place: Place) -> Result<Tensor> {
        let share = match place {
            Place::Head => self.shares.head,
            Place::Frames => self.shares.frames,
            Place::Volume => self.shares.volume,
        };
        if share == 0.0 {
            return Ok(x.shallow_clone());
        }
        let per_clip = x.numel() / self.clips;
        let clips = self.first..self.first + self.clips;
        let mask: Vec<f32> = clips
            .flat_map(|clip| self.mask(clip, place, share).take(per_clip))
            .collect();
        let shape: Vec<usize> = x.size().iter().map(|&extent| extent as usize).collect();
        let mask = Tensor::f_from_slice(&mask)?.f_view(&size(&shape)[..])?;
        Ok(x.f_multiply(&mask.f_to_device(x.device())?)?)
    }

    /// Factors of the values of a clip.
    fn mask(&self, clip: usize, place: Place, share: f64) -> impl Iterator<Item = f32> {
        let Position { epoch, step } = self.at;
        let path = [
            fnv1a("dropout"),
            epoch as u64,
            step as u64,
            clip as u64,
            place as u64,
        ];
        let mut draws = Draws::new(self.seed, &path);
        let kept = (1.0 / (1.0 - share)) as f32;
        std::iter::repeat_with(move || match draws.unit() < share {
            true => 0.0,
            false => kept,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(first: usize, clips: usize, step: usize) -> Masks {
        Masks {
            shares: Dropout {
                head: 0.6,
                frames: 0.5,
                volume: 0.0,
            },
            seed: 3,
            at: Position { epoch: 1, step },
            first,
            clips,
        }
    }

    fn ones(clips: i64) -> Tensor {
        Tensor::ones([clips, 5000], (tch::Kind::Float, tch::Device::Cpu))
    }

    #[test]
    fn the_share_is_zeroed_and_the_mean_stays() {
        let x = masks(0, 2, 0).apply(&ones(2), Place::Head).unwrap();
        let zeros = x.eq(0.0).sum(tch::Kind::Double).double_value(&[]) / 1e4;
        assert!((zeros - 0.6).abs() < 0.02, "{zeros}");
        let mean = x.mean(tch::Kind::Double).double_value(&[]);
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
        assert_eq!(
            masks(0, 2, 0).apply(&ones(2), Place::Volume).unwrap(),
            ones(2)
        );
    }

    #[test]
    fn a_clip_has_its_mask_whatever_is_computed_with_it() {
        let whole = masks(0, 3, 0).apply(&ones(3), Place::Frames).unwrap();
        let last = masks(2, 1, 0).apply(&ones(1), Place::Frames).unwrap();
        assert_eq!(whole.narrow(0, 2, 1), last);
        assert_ne!(whole.narrow(0, 1, 1), last);
        assert_ne!(masks(2, 1, 1).apply(&ones(1), Place::Frames).unwrap(), last);
    }
}
