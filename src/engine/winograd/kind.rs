//! The kinds of convolution, and the algorithms that their tiles are made of.

use super::algorithm::Algorithm;
pub use super::algorithm::{Axis, F2x3, F4x3, F4x4, Identity, Stride2, Stride4};

/// A convolution by its filter, and the tile it is computed by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// 2-D, 4x4, stride 1, no padding; tiles of 4x4. The 7x7 stride-2 stem after space-to-depth.
    Stem,
    /// 2-D, 3x3, stride 1, padding 1; tiles of 4x4.
    Plane,
    /// 2-D, 3x3, stride 2, padding 1; tiles of 2x2.
    PlaneStride2,
    /// 3-D, 3x3x3, stride 1, padding 1; tiles of 4x4x4.
    Volume4,
    /// 3-D, 3x3x3, stride 1, padding 1; tiles of 4 frames of 2x2.
    Volume2,
    /// 3-D, 3x3x3, stride 2, padding 1; tiles of 4 frames of 2x2.
    Stride2,
}

/// `for_space!(kind, |X, N| body)` evaluates `body`, `X` being the algorithm of both spatial axes of `kind` and `N` the number
/// of its points. Wants `use kind::*`, as `for_time!` does.
macro_rules! for_space {
    ($kind:expr, |$axis:ident, $points:ident| $body:expr) => {
        for_axis!(
            $kind, $axis, $points, $body,
            Stem => F4x4, Plane | Volume4 => F4x3, Volume2 => F2x3, Stride2 | PlaneStride2 => Stride2
        )
    };
}
pub(super) use for_space;

/// The same for the time axis of a volume.
macro_rules! for_time {
    ($kind:expr, |$axis:ident, $points:ident| $body:expr) => {
        for_axis!(
            $kind, $axis, $points, $body,
            Volume4 | Volume2 => F4x3, Stride2 => Stride4
        )
    };
}
pub(super) use for_time;

macro_rules! for_axis {
    (
        $kind:expr, $axis:ident, $points:ident, $body:expr,
        $($($of:ident)|+ => $algorithm:ident),+
    ) => {
        #[allow(unreachable_patterns, reason = "every kind has space, not every kind has time")]
        match $kind {
            $($(Kind::$of)|+ => {
                type $axis = $algorithm;
                const $points: usize = <$axis as Axis>::ALGORITHM.points;
                $body
            })+
            _ => unreachable!("a 2-D convolution has no time"),
        }
    };
}
pub(super) use for_axis;

impl Kind {
    /// Whether it has an axis of time.
    pub fn is_volume(self) -> bool {
        !matches!(self, Self::Stem | Self::Plane | Self::PlaneStride2)
    }

    /// Whether AMX is faster. Preparing filters for it takes longer than it saves where each filter meets few rows: on maps of
    /// 7x7 and 14x14 pixels, which have more channels.
    pub fn suits_amx(self, inputs: usize) -> bool {
        self.is_volume() && inputs <= 128
    }

    /// The algorithms of both spatial axes and of time.
    pub fn axes(self) -> [&'static Algorithm; 2] {
        let time = if self.is_volume() {
            for_time!(self, |T, _M| T::ALGORITHM)
        } else {
            Identity::ALGORITHM
        };
        [for_space!(self, |X, _N| X::ALGORITHM), time]
    }
}
