//! What ffprobe prints or libav* says about a video's packets, read as the times of its frames.

use std::path::Path;

use super::protocol::Facts;
use super::selection::SAME_STAMP;
use crate::clip::error::{ClipError, Result};

/// Codecs that are text to people, not video.
const TEXT_CODECS: [&str; 4] = ["ansi", "bintext", "idf", "xbin"];

/// Frames per second where a container states none, as ffmpeg assumes.
const DEFAULT_RATE: f64 = 25.0;

/// Pictures that begin at most this much after the sound, in seconds, begin with it.
const TOGETHER: f64 = 0.1;

/// What a video's time stamps are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The container states when each frame is shown, so a frame is known by its stamp.
    Stated,
    /// The container (AVI) states less; the order of frames is right, the times nearly so.
    Guessed,
}

/// The frames of a video.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listing {
    /// When each frame is shown, in seconds as the container has them, ascending.
    pub(super) stamps: Vec<f64>,
    /// Where the stamps are from.
    pub(super) origin: Origin,
    /// Duration of the last frame in seconds.
    pub(super) last: f64,
    /// The stamp at which players begin to count: the first frame's, or the sound's where that begins well before.
    pub(super) zero: f64,
}

impl Listing {
    /// Reads what ffprobe prints of packets (`pts_time`, `dts_time`, `duration_time`, `flags`),
    /// the stream (`avg_frame_rate`, `codec_name`) and the file (`start_time`) in its `compact` form.
    ///
    /// # Errors
    /// [`ClipError::NoVideoStream`], [`ClipError::NoVideoFrames`], [`ClipError::Video`] for text.
    pub(super) fn parse(printed: &str, path: &Path) -> Result<Self> {
        let path = path.to_path_buf();
        let Some(stream) = printed.lines().find(|line| line.starts_with("stream|")) else {
            return Err(ClipError::NoVideoStream { path });
        };
        if TEXT_CODECS
            .iter()
            .any(|codec| field(stream, "codec_name") == Some(codec))
        {
            return Err(ClipError::Video {
                path,
                reason: "it is a text file".to_owned(),
            });
        }
        let packets = shown_packets(printed);
        let all = |name| packets.iter().map(|packet| seconds(packet, name)).collect();
        let duration = packets
            .iter()
            .rev()
            .find_map(|packet| seconds(packet, "duration_time"));
        let start = printed.lines().find(|line| line.starts_with("format|"));
        let stated = Stated {
            pts: all("pts_time"),
            dts: all("dts_time"),
            rate: field(stream, "avg_frame_rate").and_then(parse_rate),
            last_duration: duration,
            start: start.and_then(|line| seconds(line, "start_time")),
        };
        stated.listing(&path)
    }

    /// Reads what libav* says, which is what ffprobe would print.
    ///
    /// # Errors
    /// [`ClipError::NoVideoFrames`].
    pub(super) fn of_facts(facts: &Facts, path: &Path) -> Result<Self> {
        let (numerator, denominator) = facts.unit;
        let unit = f64::from(numerator) / f64::from(denominator);
        let seconds = |stamp: i64| as_printed(stamp as f64 * unit);
        let all = |stamps: &[Option<i64>]| stamps.iter().map(|stamp| stamp.map(seconds)).collect();
        let stated = Stated {
            pts: all(&facts.pts),
            dts: all(&facts.dts),
            rate: rate(f64::from(facts.rate.0), f64::from(facts.rate.1)),
            last_duration: facts.last_duration.map(seconds),
            start: facts.start.map(as_printed),
        };
        stated.listing(path)
    }
}

/// What a container states about the frames that are shown, times in seconds.
struct Stated {
    pts: Vec<Option<f64>>,
    dts: Vec<Option<f64>>,
    /// Frames per second.
    rate: Option<f64>,
    last_duration: Option<f64>,
    /// When the first stream begins.
    start: Option<f64>,
}

impl Stated {
    fn listing(self, path: &Path) -> Result<Listing> {
        if self.pts.is_empty() {
            return Err(ClipError::NoVideoFrames {
                path: path.to_path_buf(),
            });
        }
        let (stamps, origin) = self.stamps();
        let last = self.last_duration;
        let early = |start: &f64| stamps[0] - start > TOGETHER;
        Ok(Listing {
            zero: self.start.filter(early).unwrap_or(stamps[0]),
            last: last.unwrap_or(self.rate.unwrap_or(DEFAULT_RATE).recip()),
            stamps,
            origin,
        })
    }

    fn stamps(&self) -> (Vec<f64>, Origin) {
        let all = |stamps: &[Option<f64>]| stamps.iter().copied().collect();
        let rate = self.rate.unwrap_or(DEFAULT_RATE);
        let spread = || (0..self.pts.len()).map(|index| index as f64 / rate);
        let stated: Option<Vec<f64>> = all(&self.pts);
        let (mut stamps, mut origin) = match stated {
            Some(stamps) => (stamps, Origin::Stated),
            None => (
                all(&self.dts).unwrap_or_else(|| spread().collect()),
                Origin::Guessed,
            ),
        };
        stamps.sort_by(f64::total_cmp);
        let close = |pair: &[f64]| pair[1] - pair[0] <= 2.0 * SAME_STAMP;
        if stamps.windows(2).any(close) {
            origin = Origin::Guessed;
        }
        (stamps, origin)
    }
}

/// A time to the microsecond, rounded as ffprobe prints it.
fn as_printed(seconds: f64) -> f64 {
    format!("{seconds:.6}").parse().unwrap_or(seconds)
}

/// The lines of packets that show a frame. Some are only there to decode others from (flag D).
fn shown_packets(printed: &str) -> Vec<&str> {
    let is_hidden = |line: &str| field(line, "flags").is_some_and(|flags| flags.contains('D'));
    let packets = printed.lines().filter(|line| line.starts_with("packet|"));
    packets.filter(|line| !is_hidden(line)).collect()
}

fn seconds(packet: &str, name: &str) -> Option<f64> {
    field(packet, name)?.parse().ok()
}

/// The value of `name=value` between bars.
pub(super) fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split('|').find_map(|part| {
        let (key, value) = part.split_once('=')?;
        // Since FFmpeg 7, what belongs to a part of the line is named after it: `side_datum/display_matrix:rotation`.
        let key = key.rsplit_once(':').map_or(key, |(_, last)| last);
        (key == name).then_some(value)
    })
}

/// `30000/1001`; ffprobe prints `0/0` for an unknown rate.
fn parse_rate(text: &str) -> Option<f64> {
    let (numerator, denominator) = text.split_once('/')?;
    rate(numerator.parse().ok()?, denominator.parse().ok()?)
}

fn rate(numerator: f64, denominator: f64) -> Option<f64> {
    let rate = numerator / denominator;
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_ordered_by_presentation_and_hidden_packets_left_out() {
        let listing = "packet|pts_time=0.000000|dts_time=-0.08|duration_time=0.040000|flags=K__\n\
                       packet|pts_time=0.120000|dts_time=-0.04|duration_time=0.040000|flags=___\n\
                       packet|pts_time=0.040000|dts_time=0.00|duration_time=0.040000|flags=___\n\
                       packet|pts_time=-0.040000|dts_time=0.04|duration_time=0.040000|flags=_D_\n\
                       stream|codec_name=h264|avg_frame_rate=25/1\n";
        let found = Listing::parse(listing, Path::new("v")).unwrap();
        let expected = Listing {
            stamps: vec![0.0, 0.04, 0.12],
            origin: Origin::Stated,
            last: 0.04,
            zero: 0.0,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn packets_without_times_are_spread_evenly() {
        let listing = "packet|pts_time=N/A|dts_time=N/A|duration_time=N/A|flags=K_\n\
                       packet|pts_time=N/A|dts_time=0.5|duration_time=N/A|flags=__\n\
                       stream|codec_name=mpeg4|avg_frame_rate=10/1\n";
        let found = Listing::parse(listing, Path::new("v")).unwrap();
        let expected = Listing {
            stamps: vec![0.0, 0.1],
            origin: Origin::Guessed,
            last: 0.1,
            zero: 0.0,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn time_begins_with_the_sound_where_that_is_well_before_the_picture() {
        let zero = |start: f64| {
            let listing = format!("packet|pts_time=5.0|flags=K\nformat|start_time={start}\n");
            let listing = format!("{listing}stream|codec_name=h264|avg_frame_rate=25/1\n");
            Listing::parse(&listing, Path::new("v")).unwrap().zero
        };
        assert_eq!((zero(1.0), zero(4.98), zero(5.0)), (1.0, 5.0, 5.0));
    }

    #[test]
    fn frames_that_share_a_stamp_are_not_known_by_it() {
        let listing = "packet|pts_time=0.5|flags=K\npacket|pts_time=0.5|flags=_\n\
                       stream|codec_name=h264|avg_frame_rate=0/0\n";
        let found = Listing::parse(listing, Path::new("v")).unwrap();
        assert_eq!((found.origin, found.last), (Origin::Guessed, 0.04));
    }

    #[test]
    fn files_without_video_are_told_apart() {
        let open = |listing| Listing::parse(listing, Path::new("v")).unwrap_err();
        assert!(matches!(open(""), ClipError::NoVideoStream { .. }));
        let empty = "stream|codec_name=h264|avg_frame_rate=0/0\n";
        assert!(matches!(open(empty), ClipError::NoVideoFrames { .. }));
        let text = "packet|pts_time=0|flags=K\nstream|codec_name=ansi|avg_frame_rate=25/1\n";
        assert!(open(text).to_string().contains("text file"));
    }
}
