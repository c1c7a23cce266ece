//! What is taken of each frame of a view.

use serde::{Deserialize, Serialize};

use super::augment::augment;
use super::crops::Crops;
use super::rgb::Rgb;
use crate::recipe::{Augmentation, Preprocess};

/// What is taken of each frame of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cut {
    /// Crops after a resize, as clips are classified.
    Crops(Crops),
    /// A part, as training varies it.
    Augmented(Augmentation),
}

impl Cut {
    /// How many images it makes of a frame.
    pub fn count(self) -> usize {
        match self {
            Self::Crops(crops) => crops.count(),
            Self::Augmented(_) => 1,
        }
    }

    /// The images of a frame: RGB, `[224, 224, 3]` each.
    pub(super) fn of(self, frame: Rgb<'_>, preprocess: Preprocess) -> Vec<Vec<u8>> {
        match self {
            Self::Crops(crops) => crops.cut(frame, preprocess),
            Self::Augmented(augmentation) => vec![augment(frame, augmentation)],
        }
    }
}
