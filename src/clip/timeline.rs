//! Parts of a clip: ranges of frames, and windows that slide over it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::error::{ClipError, Result};
use super::position::Position;

/// Seconds that two times may differ by and still be the same: containers round to milliseconds.
const SAME: f64 = 1e-6;

/// A window that slides over a clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sliding {
    /// Its length.
    pub window: Position,
    /// From the start of one window to the start of the next.
    pub stride: Position,
}

impl Sliding {
    /// Whether neighbouring windows share frames; where one length is in frames and one in seconds, they may.
    pub fn overlaps(self) -> bool {
        match (self.window, self.stride) {
            (Position::Frames(window), Position::Frames(stride)) => stride < window,
            (Position::Seconds(window), Position::Seconds(stride)) => stride < window,
            _ => true,
        }
    }
}

/// A frame stays long on screen if it stays this many times as long as is usual.
const LONG: f64 = 1.5;

/// When a clip's frames are shown.
#[derive(Clone, Debug)]
pub struct Timeline {
    clip: PathBuf,
    frames: usize,
    times: Times,
}

#[derive(Clone, Debug)]
enum Times {
    Unknown,
    Rate(f64),
    /// The start of each frame and the end of the last one.
    Stamps(Vec<f64>),
}

impl Timeline {
    /// Of a directory of frames, whose rate may be known from elsewhere (frames per second).
    pub fn of_frames(clip: &Path, frames: usize, rate: Option<f64>) -> Self {
        let times = rate.map_or(Times::Unknown, Times::Rate);
        Timeline {
            clip: clip.to_path_buf(),
            frames,
            times,
        }
    }

    /// Of a video: the start of each frame and the end of the last one, in seconds, ascending.
    pub fn of_video(clip: &Path, stamps: Vec<f64>) -> Self {
        let frames = stamps.len().saturating_sub(1);
        Timeline {
            clip: clip.to_path_buf(),
            frames,
            times: Times::Stamps(stamps),
        }
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// When frame `index` begins, in seconds; for an index past the end, when the clip ends.
    /// `None` without a frame rate.
    pub fn seconds(&self, index: usize) -> Option<f64> {
        match &self.times {
            Times::Unknown => None,
            Times::Rate(rate) => Some(index.min(self.frames) as f64 / rate),
            Times::Stamps(stamps) => stamps.get(index).or(stamps.last()).copied(),
        }
    }

    /// Start and end of a range of frames in seconds; `None` without a frame rate.
    pub fn span(&self, range: &Range<usize>) -> Option<(f64, f64)> {
        Some((self.seconds(range.start)?, self.seconds(range.end)?))
    }

    /// The frames from `from` (with it) to `to` (without it); all frames by default.
    ///
    /// A time means the first frame that begins then or later. But where that is a while off, or where no frame begins
    /// between two times, the range begins with the frame that is on screen.
    ///
    /// # Errors
    /// [`ClipError::EmptyRange`] when no frame lies between, [`ClipError::NoFrameRate`].
    pub fn range(&self, from: Option<Position>, to: Option<Position>) -> Result<Range<usize>> {
        let mut start = from.map_or(Ok(0), |position| self.index(position))?;
        let end = to
            .map_or(Ok(self.frames), |position| self.index(position))?
            .min(self.frames);
        if let Some(Position::Seconds(from)) = from {
            let is_shown = start > 0 && from < self.time(self.frames)?;
            let to_next = self.time(start)? - from;
            if is_shown && (start >= end || to_next > LONG * self.usual_distance()) {
                start -= 1;
            }
        }
        let is_ordered = match (from, to) {
            (Some(Position::Seconds(from)), Some(Position::Seconds(to))) => from < to,
            _ => true,
        };
        if start < end && is_ordered {
            return Ok(start..end);
        }
        let text = |position: Option<Position>, default: &str| {
            position.map_or(default.to_owned(), |position| position.to_string())
        };
        let length = match self.seconds(self.frames) {
            Some(seconds) => format!("{} frames, {seconds:.3} s", self.frames),
            None => format!("{} frames", self.frames),
        };
        let (from, to) = (text(from, "the start"), text(to, "the end"));
        Err(self.empty(format!("from {from} to {to}, and the clip has {length}")))
    }

    /// The windows over `range`, in order.
    ///
    /// Windows begin every stride for as long as they fit; when frames are left over at the end,
    /// one more window ends with the last frame. A range shorter than the window is one window.
    ///
    /// # Errors
    /// [`ClipError::EmptyRange`] for a window without a frame or a stride that does not advance,
    /// [`ClipError::NoFrameRate`].
    pub fn windows(&self, range: Range<usize>, sliding: Sliding) -> Result<Vec<Range<usize>>> {
        for (name, length) in [("window", sliding.window), ("stride", sliding.stride)] {
            if matches!(length, Position::Frames(0))
                || matches!(length, Position::Seconds(s) if s <= SAME)
            {
                return Err(self.empty(format!("the {name} has no length")));
            }
        }
        let mut windows = Vec::new();
        let mut step = 0;
        loop {
            let start = self.advance(range.start, sliding.stride, step)?;
            let end = self.advance(start, sliding.window, 1)?;
            let fits = self.fits(start, sliding.window, range.end)?;
            if !fits || start >= range.end {
                break;
            }
            step += 1;
            // A stride below the distance of two frames finds the same frames again.
            let window = start..end.min(range.end);
            if !window.is_empty() && windows.last() != Some(&window) {
                windows.push(window);
            }
        }
        let covered = windows.last().map_or(range.start, |window| window.end);
        if covered < range.end {
            windows.push(self.last_window(&range, sliding.window)?);
        }
        Ok(windows)
    }

    /// The window that ends with the range.
    fn last_window(&self, range: &Range<usize>, window: Position) -> Result<Range<usize>> {
        let start = match window {
            Position::Frames(frames) => range.end.saturating_sub(frames),
            Position::Seconds(seconds) => self.index_at(self.time(range.end)? - seconds)?,
        };
        Ok(start.max(range.start).min(range.end - 1)..range.end)
    }

    /// The index `steps` lengths after `start`.
    fn advance(&self, start: usize, length: Position, steps: usize) -> Result<usize> {
        match length {
            Position::Frames(frames) => Ok(start.saturating_add(frames.saturating_mul(steps))),
            Position::Seconds(seconds) => self.index_at(self.time(start)? + seconds * steps as f64),
        }
    }

    fn fits(&self, start: usize, window: Position, end: usize) -> Result<bool> {
        match window {
            Position::Frames(frames) => Ok(start.saturating_add(frames) <= end),
            Position::Seconds(seconds) => Ok(self.time(start)? + seconds <= self.time(end)? + SAME),
        }
    }

    /// The median distance of two frames, in seconds; 0 without frame rate.
    fn usual_distance(&self) -> f64 {
        match &self.times {
            Times::Unknown => 0.0,
            Times::Rate(rate) => rate.recip(),
            Times::Stamps(stamps) => {
                let pairs = stamps.windows(2);
                let mut distances: Vec<f64> = pairs.map(|pair| pair[1] - pair[0]).collect();
                let middle = distances.len() / 2;
                match distances.get(middle) {
                    Some(_) => *distances.select_nth_unstable_by(middle, f64::total_cmp).1,
                    None => 0.0,
                }
            }
        }
    }

    fn index(&self, position: Position) -> Result<usize> {
        match position {
            Position::Frames(index) => Ok(index),
            Position::Seconds(seconds) => self.index_at(seconds),
        }
    }

    /// The first frame that begins at or after a time; the number of frames when none does.
    fn index_at(&self, seconds: f64) -> Result<usize> {
        match &self.times {
            Times::Unknown => Err(ClipError::NoFrameRate {
                path: self.clip.clone(),
            }),
            Times::Rate(rate) => {
                let index = ((seconds - SAME) * rate).ceil().max(0.0);
                Ok((index as usize).min(self.frames))
            }
            Times::Stamps(stamps) => {
                let index = stamps.partition_point(|&stamp| stamp < seconds - SAME);
                Ok(index.min(self.frames))
            }
        }
    }

    fn time(&self, index: usize) -> Result<f64> {
        self.seconds(index).ok_or_else(|| ClipError::NoFrameRate {
            path: self.clip.clone(),
        })
    }

    fn empty(&self, reason: String) -> ClipError {
        ClipError::EmptyRange {
            path: self.clip.clone(),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Position::{Frames, Seconds};

    fn at_25(frames: usize) -> Timeline {
        Timeline::of_frames(Path::new("clip"), frames, Some(25.0))
    }

    fn windows(timeline: &Timeline, window: Position, stride: Position) -> Vec<(usize, usize)> {
        let all = 0..timeline.frames();
        let found = timeline.windows(all, Sliding { window, stride }).unwrap();
        found
            .into_iter()
            .map(|window| (window.start, window.end))
            .collect()
    }

    #[test]
    fn a_range_includes_its_start_and_not_its_end() {
        let clip = at_25(100);
        assert_eq!(clip.range(None, None).unwrap(), 0..100);
        assert_eq!(
            clip.range(Some(Frames(10)), Some(Frames(20))).unwrap(),
            10..20
        );
        assert_eq!(
            clip.range(Some(Seconds(0.4)), Some(Seconds(0.8))).unwrap(),
            10..20
        );
        assert_eq!(clip.range(Some(Seconds(0.41)), None).unwrap(), 11..100);
        assert_eq!(clip.range(None, Some(Frames(999))).unwrap(), 0..100);
        let error = clip.range(Some(Frames(100)), None).unwrap_err().to_string();
        assert!(error.contains("100 frames, 4.000 s"), "{error}");
    }

    #[test]
    fn a_range_that_begins_in_a_gap_begins_with_the_frame_on_screen() {
        // Ten frames in a second, then one that stays for nine, then ten again.
        let mut stamps: Vec<f64> = (0..10).map(|index| f64::from(index) / 10.0).collect();
        stamps.extend((0..=10).map(|index| 9.9 + f64::from(index) / 10.0));
        let clip = Timeline::of_video(Path::new("clip"), stamps);
        let range = |from, to: Option<f64>| clip.range(Some(Seconds(from)), to.map(Seconds));
        assert_eq!(range(4.0, Some(8.0)).unwrap(), 9..10);
        assert_eq!(range(4.0, None).unwrap(), 9..20);
        assert_eq!(range(9.9, None).unwrap(), 10..20);
        // Between two frames that follow each other as usual.
        assert_eq!(range(0.25, None).unwrap(), 3..20);
        assert_eq!(range(0.25, Some(0.28)).unwrap(), 2..3);
        assert!(range(11.0, None).is_err() && range(8.0, Some(4.0)).is_err());
        assert_eq!(
            at_25(100).range(Some(Seconds(3.97)), None).unwrap(),
            99..100
        );
    }

    #[test]
    fn seconds_need_a_frame_rate() {
        let clip = Timeline::of_frames(Path::new("clip"), 100, None);
        let error = clip.range(Some(Seconds(1.0)), None).unwrap_err();
        assert!(matches!(error, ClipError::NoFrameRate { .. }));
        assert_eq!(clip.span(&(0..100)), None);
    }

    #[test]
    fn windows_cover_every_frame() {
        let clip = at_25(100);
        assert_eq!(
            windows(&clip, Frames(50), Frames(25)),
            [(0, 50), (25, 75), (50, 100)]
        );
        assert_eq!(
            windows(&clip, Seconds(2.0), Seconds(1.0)),
            [(0, 50), (25, 75), (50, 100)]
        );
        // 10 frames are left over: the last window ends with them.
        assert_eq!(
            windows(&at_25(110), Frames(50), Frames(50)),
            [(0, 50), (50, 100), (60, 110)]
        );
        assert_eq!(
            windows(&at_25(110), Seconds(2.0), Seconds(2.0)),
            [(0, 50), (50, 100), (60, 110)]
        );
    }

    #[test]
    fn a_clip_shorter_than_the_window_is_one_window() {
        assert_eq!(windows(&at_25(10), Frames(50), Frames(25)), [(0, 10)]);
        assert_eq!(windows(&at_25(10), Seconds(9.0), Seconds(1.0)), [(0, 10)]);
    }

    #[test]
    fn windows_in_seconds_follow_a_variable_frame_rate() {
        // Two frames in the first second, ten in the second one.
        let mut stamps = vec![0.0, 0.5];
        stamps.extend((0..=10).map(|index| 1.0 + f64::from(index) / 10.0));
        let clip = Timeline::of_video(Path::new("clip"), stamps);
        assert_eq!(clip.frames(), 12);
        assert_eq!(
            windows(&clip, Seconds(1.0), Seconds(1.0)),
            [(0, 2), (2, 12)]
        );
        assert_eq!(clip.span(&(2..12)), Some((1.0, 2.0)));
    }

    #[test]
    fn a_window_or_a_stride_without_length_is_refused() {
        for sliding in [
            Sliding {
                window: Frames(0),
                stride: Frames(1),
            },
            Sliding {
                window: Seconds(1.0),
                stride: Seconds(0.0),
            },
        ] {
            let error = at_25(10).windows(0..10, sliding).unwrap_err();
            assert!(error.to_string().contains("has no length"), "{error}");
        }
    }
}
