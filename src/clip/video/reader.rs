//! Videos, read by frame index through the `ffmpeg` program.
//!
//! A video is opened by listing its packets, which is fast because nothing is decoded, and tells
//! the time of every frame: frame k is the k-th in the order of presentation, at whatever rate
//! frames come. Then one pass decodes, and ffmpeg hands over the wanted frames only. A pass that
//! is to begin far into the video seeks, and picks its frames by their time stamps, so that a seek
//! that lands in the wrong place is noticed; then a pass from the start takes its place.
//!
//! Pixels are those of ffmpeg's own PNG extraction (`ffmpeg -i video -vsync 0 %d.png`): rotation
//! metadata is applied, and the colour conversion is ffmpeg's.

use std::io::{self, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ffmpeg::{Ffmpeg, Process};
use super::listing::{Listing, Origin, SAME_STAMP};
use super::pam;
use crate::clip::error::{ClipError, Result};
use crate::clip::rgb::Image;

/// Up to so many frames are picked one by one; beyond, the whole range is handed over.
const MAX_PICKED: usize = 512;

/// Seconds of video that are decoded in vain before a seek is tried.
const SEEK_BEYOND: f64 = 10.0;

/// A video file whose frames have been listed.
#[derive(Clone, Debug)]
pub struct Video {
    path: PathBuf,
    ffmpeg: Ffmpeg,
    listing: Listing,
}

/// Whether a pass may seek.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::clip) enum Access {
    /// It may, and may begin again: a frame can come twice, the later one counts.
    Seek,
    /// From the start; every frame comes once, in order.
    Stream,
}

impl Video {
    /// Lists the frames of the video at `path`.
    ///
    /// # Errors
    /// [`ClipError::Video`] with ffmpeg's reason, [`ClipError::NoVideoStream`], [`ClipError::NoVideoFrames`],
    /// [`ClipError::VideoTimeout`].
    pub fn open(path: &Path, ffmpeg: &Ffmpeg) -> Result<Video> {
        let entries =
            "packet=pts_time,dts_time,duration_time,flags:stream=avg_frame_rate,codec_name";
        let arguments = [
            "-select_streams",
            "V:0",
            "-show_entries",
            entries,
            "-of",
            "compact",
        ];
        let printed = probe(path, ffmpeg, &arguments)?;
        let listing = Listing::parse(&printed, path)?;
        Ok(Video {
            path: path.to_path_buf(),
            ffmpeg: ffmpeg.clone(),
            listing,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of frames.
    pub fn frame_count(&self) -> usize {
        self.listing.stamps.len()
    }

    /// When each frame is shown, in seconds after the first, and when the last one ends:
    /// `frame_count + 1` values.
    pub fn times(&self) -> Vec<f64> {
        let Listing { stamps, last, .. } = &self.listing;
        let first = stamps.first().copied().unwrap_or(0.0);
        let end = stamps.last().map(|stamp| stamp + last);
        stamps
            .iter()
            .copied()
            .chain(end)
            .map(|stamp| stamp - first)
            .collect()
    }

    /// The same video after decoding all of it, for one that has fewer frames than packets.
    ///
    /// # Errors
    /// As [`Video::open`].
    pub(in crate::clip) fn recount(&self) -> Result<Video> {
        let arguments = [
            "-count_frames",
            "-select_streams",
            "V:0",
            "-show_entries",
            "stream=nb_read_frames",
            "-of",
            "default=noprint_wrappers=1:nokey=1",
        ];
        let mut patient = self.ffmpeg.clone();
        patient.patience = self.ffmpeg.patience_for(self.length());
        let printed = probe(&self.path, &patient, &arguments)?;
        let count = printed
            .lines()
            .find_map(|line| line.trim().parse().ok())
            .unwrap_or(0);
        if count == 0 {
            return Err(ClipError::NoVideoFrames {
                path: self.path.clone(),
            });
        }
        let mut recounted = self.clone();
        // Which packets gave no frame is not known: the last ones are as good a guess as any.
        recounted.listing.stamps.truncate(count);
        recounted.listing.origin = Origin::Guessed;
        Ok(recounted)
    }

    fn length(&self) -> Duration {
        let seconds = self.times().last().copied().unwrap_or(0.0);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// Decodes the frames at `wanted` (ascending, each once) and hands them to `each` in order,
    /// until that says [`ControlFlow::Break`].
    ///
    /// # Errors
    /// [`ClipError::VideoFramesMissing`] when the video ends too early, [`ClipError::VideoTimeout`],
    /// [`ClipError::Video`], and what `each` returns.
    pub(in crate::clip) fn read(
        &self,
        wanted: &[usize],
        access: Access,
        each: &mut dyn FnMut(usize, Image) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let (Some(&first), Some(&last)) = (wanted.first(), wanted.last()) else {
            return Ok(());
        };
        if last >= self.frame_count() {
            return Err(ClipError::IndexOutOfRange {
                index: last,
                frames: self.frame_count(),
            });
        }
        let far_in = self.listing.stamps[first] - self.listing.stamps[0] > SEEK_BEYOND;
        let can_seek = access == Access::Seek && self.listing.origin == Origin::Stated;
        let few = wanted.len() <= MAX_PICKED;
        if can_seek && far_in && few {
            let (options, selection) = self.seeking_pass(wanted);
            if let Ok(None) = self.pass(&options, &selection, wanted, each) {
                return Ok(());
            }
        }
        let (selection, handed_over) = match few {
            true => (pick(wanted), wanted.to_vec()),
            false => (
                format!("between(n,{first},{last})"),
                (first..=last).collect(),
            ),
        };
        let mut each_wanted = |index, image| match wanted.binary_search(&index) {
            Ok(_) => each(index, image),
            Err(_) => Ok(ControlFlow::Continue(())),
        };
        match self.pass(&[], &selection, &handed_over, &mut each_wanted)? {
            None => Ok(()),
            Some(index) => Err(ClipError::VideoFramesMissing {
                path: self.path.clone(),
                index,
            }),
        }
    }

    /// Input options and selection of a pass that begins shortly before the first wanted frame.
    fn seeking_pass(&self, wanted: &[usize]) -> (Vec<String>, String) {
        let stamp = |index: usize| self.listing.stamps[index];
        let by_time = |&index: &usize| format!("lt(abs(t-{:.6}),{SAME_STAMP})", stamp(index));
        let selection: Vec<String> = wanted.iter().map(by_time).collect();
        let start = stamp(wanted[0]) - 1.0;
        let options = [
            "-copyts",
            "-seek_timestamp",
            "1",
            "-ss",
            &format!("{start:.6}"),
        ];
        (options.map(str::to_owned).to_vec(), selection.join("+"))
    }

    /// One run of ffmpeg. Returns the first frame that did not come.
    fn pass(
        &self,
        input_options: &[String],
        selection: &str,
        expected: &[usize],
        each: &mut dyn FnMut(usize, Image) -> Result<ControlFlow<()>>,
    ) -> Result<Option<usize>> {
        // Frames are renumbered at a constant rate, so that no version of ffmpeg repeats or drops
        // one to keep to the video's own.
        let filter = format!("select='{selection}',settb=1/25,setpts=N");
        let output = [
            "-map",
            "0:V:0",
            "-an",
            "-sn",
            "-dn",
            "-vf",
            &filter,
            "-r",
            "25",
            "-c:v",
            "pam",
            "-f",
            "image2pipe",
            "pipe:1",
        ];
        let process = self
            .ffmpeg
            .decode(&self.path, self.length(), input_options, &output)?;
        let mut reader = BufReader::new(process);
        for &index in expected {
            let image = match pam::read_frame(&mut reader, &self.path) {
                Ok(Some(image)) => image?,
                Ok(None) => return self.ended_early(reader.into_inner(), index),
                Err(error) => return Err(self.reading_error(error)),
            };
            if each(index, image)?.is_break() {
                break;
            }
        }
        Ok(None)
    }

    /// The output has ended before frame `index`: because ffmpeg failed, or because the video did.
    fn ended_early(&self, process: Process, index: usize) -> Result<Option<usize>> {
        let ending = process.end().map_err(|error| self.reading_error(error))?;
        match ending.success() {
            true => Ok(Some(index)),
            false => Err(ClipError::Video {
                path: self.path.clone(),
                reason: ending.reason(),
            }),
        }
    }

    fn reading_error(&self, error: io::Error) -> ClipError {
        read_error(&self.path, error, self.ffmpeg.patience_for(self.length()))
    }
}

fn read_error(path: &Path, error: io::Error, patience: Duration) -> ClipError {
    let path = path.to_path_buf();
    match error.kind() {
        io::ErrorKind::TimedOut => ClipError::VideoTimeout {
            path,
            seconds: patience.as_secs(),
        },
        io::ErrorKind::UnexpectedEof => ClipError::Video {
            path,
            reason: "ffmpeg stopped in the middle of a frame".to_owned(),
        },
        _ => ClipError::Io {
            path,
            source: error,
        },
    }
}

fn probe(path: &Path, ffmpeg: &Ffmpeg, arguments: &[&str]) -> Result<String> {
    let process = ffmpeg.probe(path, arguments)?;
    let (output, ending) = process
        .output()
        .map_err(|error| read_error(path, error, ffmpeg.patience))?;
    if !ending.success() {
        let (path, reason) = (path.to_path_buf(), ending.reason());
        // What ffprobe says of a container whose header is followed by nothing.
        let has_no_packets = reason.ends_with("End of file");
        return Err(if has_no_packets {
            ClipError::NoVideoFrames { path }
        } else {
            ClipError::Video { path, reason }
        });
    }
    Ok(String::from_utf8_lossy(&output).into_owned())
}

/// An expression that is true for the frames in `wanted`, as a tree, since ffmpeg evaluates it for
/// every frame.
fn pick(wanted: &[usize]) -> String {
    if wanted.len() <= 4 {
        let equal: Vec<String> = wanted
            .iter()
            .map(|index| format!("eq(n,{index})"))
            .collect();
        return equal.join("+");
    }
    let (left, right) = wanted.split_at(wanted.len() / 2);
    format!("if(lt(n,{}),{},{})", right[0], pick(left), pick(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picking_frames_is_a_search_tree() {
        assert_eq!(pick(&[3, 9]), "eq(n,3)+eq(n,9)");
        assert_eq!(
            pick(&[1, 2, 3, 4, 5]),
            "if(lt(n,3),eq(n,1)+eq(n,2),eq(n,3)+eq(n,4)+eq(n,5))"
        );
    }
}
