//! Places in clips, and lengths, as people write them.

use std::fmt;
use std::str::FromStr;

/// A place in a clip, or a length: a number of frames (`120`) or a time (`4.5s`, `500ms`, `1m30s`, `00:01:30`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Position {
    /// Frames, counted from 0.
    Frames(usize),
    /// Seconds after the beginning.
    Seconds(f64),
}

impl Position {
    /// Whether it is the start, or no length.
    pub fn is_zero(self) -> bool {
        match self {
            Self::Frames(frames) => frames == 0,
            Self::Seconds(seconds) => seconds == 0.0,
        }
    }
}

/// Why a text is no [`Position`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a number of frames (120) nor a time (4.5s, 500ms, 00:01:30)")]
pub struct ParsePositionError(String);

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = match text {
            _ if text.contains(':') => clock(text),
            _ if text.ends_with(|letter: char| letter.is_ascii_alphabetic()) => units(text),
            frames => {
                let frames = frames.parse().map(Position::Frames);
                return frames.map_err(|_| ParsePositionError(text.to_owned()));
            }
        };
        let seconds = seconds.map(Position::Seconds);
        seconds.ok_or_else(|| ParsePositionError(text.to_owned()))
    }
}

/// A number that is not negative, without exponent.
fn decimal(text: &str) -> Option<f64> {
    let text = text.trim_end();
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| is_plain)
}

/// Units of time and their seconds, the longest first.
const UNITS: [(&str, f64); 5] = [
    ("h", 3600.0),
    ("min", 60.0),
    ("m", 60.0),
    ("s", 1.0),
    ("ms", 0.001),
];

/// Numbers with units, the longest unit first: `90s`, `1m30s`.
fn units(text: &str) -> Option<f64> {
    let (mut rest, mut seconds, mut units) = (text, 0.0, UNITS.as_slice());
    while !rest.is_empty() {
        let (number, behind) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic())?);
        let end = behind.find(|c: char| !c.is_ascii_alphabetic());
        let (name, behind) = behind.split_at(end.unwrap_or(behind.len()));
        let place = units.iter().position(|(unit, _)| *unit == name)?;
        seconds += decimal(number)? * units[place].1;
        (rest, units) = (behind.trim_start(), &units[place + 1..]);
    }
    Some(seconds)
}

/// Hours, minutes and seconds, or minutes and seconds.
fn clock(text: &str) -> Option<f64> {
    let (minutes, seconds) = text.rsplit_once(':')?;
    // Subtitles have a comma.
    let seconds = decimal(&seconds.replace(',', ".")).filter(|seconds| *seconds < 60.0)?;
    let whole = |text: &str| text.parse::<u32>().ok().filter(|_| !text.starts_with('+'));
    let minutes = match minutes.split_once(':') {
        Some((hours, minutes)) => {
            let minutes = whole(minutes).filter(|minutes| *minutes < 60)?;
            f64::from(whole(hours)?) * 60.0 + f64::from(minutes)
        }
        None => f64::from(whole(minutes)?),
    };
    Some(minutes * 60.0 + seconds)
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Frames(frames) => write!(f, "{frames}"),
            Position::Seconds(seconds) => write!(f, "{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Position::{Frames, Seconds};
    use super::*;

    #[test]
    fn positions_are_frames_or_times() {
        assert_eq!("120".parse(), Ok(Frames(120)));
        for (text, seconds) in [
            ("4.5s", 4.5),
            ("90s", 90.0),
            ("500ms", 0.5),
            ("12.5 ms", 0.0125),
            ("00:01:30", 90.0),
            ("1:30", 90.0),
            ("01:02:03.5", 3723.5),
            ("90:00", 5400.0),
            ("00:01:30,500", 90.5),
            ("2m", 120.0),
            ("1.5min", 90.0),
            ("1m30s", 90.0),
            ("1h 2m 3s 500ms", 3723.5),
            (".5s", 0.5),
        ] {
            assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
        }
        assert_eq!(Frames(7).to_string().parse(), Ok(Frames(7)));
        assert_eq!(Seconds(1.5).to_string().parse(), Ok(Seconds(1.5)));
        for wrong in [
            "", "s", "ms", "-1", "1.5", "-2s", "NaNs", "inf s", "ten", "1e3s", "00:60", "1:60:00",
            ":30", "1:2:3:4", "1:-2", "30s1m", "1m30", "1m2m", "4sec", "1,5s", "1.2.3s",
        ] {
            assert!(wrong.parse::<Position>().is_err(), "{wrong}");
        }
    }
}
