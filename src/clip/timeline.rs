//! Parts of a clip: positions in frames or seconds, ranges, and windows that slide over it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::{ClipError, Result};

/// Seconds that two times may differ by and still be the same: containers round to milliseconds.
const SAME: f64 = 1e-6;

/// A place in a clip, or a length: a number of frames (`120`) or a time (`4.5s`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Position {
    /// Frames, counted from 0.
    Frames(usize),
    /// Seconds after the first frame.
    Seconds(f64),
}

/// Why a text is no [`Position`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a number of frames (120) nor a time in seconds (4.5s)")]
pub struct ParsePositionError(String);

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let invalid = || ParsePositionError(text.to_owned());
        let Some(seconds) = text.strip_suffix('s') else {
            return text.parse().map(Position::Frames).map_err(|_| invalid());
        };
        let seconds: f64 = seconds.trim_end().parse().map_err(|_| invalid())?;
        let is_time = seconds.is_finite() && seconds >= 0.0;
        if is_time {
            Ok(Position::Seconds(seconds))
        } else {
            Err(invalid())
        }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Position::Frames(frames) => write!(f, "{frames}"),
            Position::Seconds(seconds) => write!(f, "{seconds}s"),
        }
    }
}

/// A window that slides over a clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sliding {
    /// Its length.
    pub window: Position,
    /// From the start of one window to the start of the next.
    pub stride: Position,
}

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
    /// # Errors
    /// [`ClipError::EmptyRange`] when no frame lies between, [`ClipError::NoFrameRate`].
    pub fn range(&self, from: Option<Position>, to: Option<Position>) -> Result<Range<usize>> {
        let start = from.map_or(Ok(0), |position| self.index(position))?;
        let end = to
            .map_or(Ok(self.frames), |position| self.index(position))?
            .min(self.frames);
        if start < end {
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
    fn positions_are_frames_or_seconds() {
        assert_eq!("120".parse(), Ok(Frames(120)));
        assert_eq!("4.5s".parse(), Ok(Seconds(4.5)));
        assert_eq!(Frames(7).to_string().parse(), Ok(Frames(7)));
        assert_eq!(Seconds(1.5).to_string().parse(), Ok(Seconds(1.5)));
        for wrong in ["", "s", "-1", "1.5", "-2s", "NaNs", "inf s", "ten"] {
            assert!(wrong.parse::<Position>().is_err(), "{wrong}");
        }
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
