//! Which frames ffmpeg hands over, and how each of them says which one it is.
//!
//! ffmpeg rebuilds its filters when the size or the pixel format of the pictures changes inside a video, and counts from 0
//! again. So the filter prints, beside the frames, a number for every frame it lets through and [`START`] whenever it begins
//! to count: a frame is never taken for another one.

/// What the filter prints for its first frame: no frame has this number or this time.
pub(super) const START: f64 = -1e12;

/// Half of the least distance of two time stamps, in seconds, at which frames are told apart by
/// them: far above the rounding of printed stamps, far below the distance of frames.
pub(super) const SAME_STAMP: f64 = 1e-4;

/// Up to so many frames are picked one by one; beyond, the whole range is handed over.
const MAX_PICKED: usize = 512;

/// What tells frames apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Key<'a> {
    /// The number of the frame since the start.
    Number,
    /// The time of the frame: these, ascending, in seconds.
    Time(&'a [f64]),
}

impl Key<'_> {
    /// The filter that lets the frames at `wanted` through (ascending, not empty), perhaps with others between them.
    pub(super) fn filter(self, wanted: &[usize]) -> String {
        let picked = match wanted {
            [first, .., last] if wanted.len() > MAX_PICKED => {
                format!("{}*{}", self.from(*first), self.up_to(*last))
            }
            _ => self.pick(wanted),
        };
        let printed = self.variable();
        // 16 is the level of errors, which are shown.
        format!(
            "select='if(eq(n,0),print({START},16));st(0,{picked});if(ld(0),print({printed},16));ld(0)'"
        )
    }

    /// The frame that printed this number, if it is a frame at all.
    pub(super) fn index(self, printed: f64) -> Option<usize> {
        match self {
            Key::Number => Some(printed as usize),
            Key::Time(stamps) => {
                let index = stamps.partition_point(|stamp| *stamp < printed - SAME_STAMP);
                let found = (stamps.get(index)? - printed).abs() < SAME_STAMP;
                found.then_some(index)
            }
        }
    }

    fn variable(self) -> char {
        match self {
            Key::Number => 'n',
            Key::Time(_) => 't',
        }
    }

    /// An expression that is true for the frames in `wanted`, as a tree, since ffmpeg evaluates it for
    /// every frame.
    fn pick(self, wanted: &[usize]) -> String {
        if wanted.len() <= 4 {
            let equal: Vec<String> = wanted.iter().map(|index| self.is(*index)).collect();
            return equal.join("+");
        }
        let (left, right) = wanted.split_at(wanted.len() / 2);
        let (from, right_half) = (self.from(right[0]), self.pick(right));
        format!("if({from},{right_half},{})", self.pick(left))
    }

    fn is(self, index: usize) -> String {
        match self {
            Key::Number => format!("eq(n,{index})"),
            Key::Time(stamps) => format!("lt(abs(t-{:.6}),{SAME_STAMP})", stamps[index]),
        }
    }

    fn from(self, index: usize) -> String {
        match self {
            Key::Number => format!("gte(n,{index})"),
            Key::Time(stamps) => format!("gt(t,{:.6})", stamps[index] - SAME_STAMP),
        }
    }

    fn up_to(self, index: usize) -> String {
        match self {
            Key::Number => format!("lte(n,{index})"),
            Key::Time(stamps) => format!("lt(t,{:.6})", stamps[index] + SAME_STAMP),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picking_frames_is_a_search_tree() {
        assert_eq!(Key::Number.pick(&[3, 9]), "eq(n,3)+eq(n,9)");
        assert_eq!(
            Key::Number.pick(&[1, 2, 3, 4, 5]),
            "if(gte(n,3),eq(n,3)+eq(n,4)+eq(n,5),eq(n,1)+eq(n,2))"
        );
    }

    #[test]
    fn a_printed_time_is_one_frame_or_none() {
        let key = Key::Time(&[0.0, 0.04, 0.08]);
        assert_eq!(key.index(0.040001), Some(1));
        assert_eq!(key.index(0.08), Some(2));
        assert_eq!((key.index(0.05), key.index(0.12)), (None, None));
    }
}
