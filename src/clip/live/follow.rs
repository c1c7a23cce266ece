//! A directory to which frames are added while it is watched.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::sink::Sink;
use crate::clip::decode::decode;
use crate::clip::error::{ClipError, Result};
use crate::clip::frame_dir::FrameDir;
use crate::text::natural_order;

/// From one look into the directory to the next.
const LOOK: Duration = Duration::from_millis(50);

/// A file that cannot be decoded for so long, from the first attempt on, is not being written, but damaged.
const SETTLED: Duration = Duration::from_secs(2);

/// Gives the frames that are in a directory and those that are added to it, in natural order of their names. A frame whose name
/// comes before one that was given is not looked at.
///
/// # Errors
/// [`ClipError::Stalled`], those of [`FrameDir::list`] but that there are no frames yet, and of a frame that stays damaged.
pub(super) fn run(path: &Path, sink: &mut Sink<'_>) -> Result<()> {
    let options = sink.options;
    let mut clock = Clock::default();
    let mut last: Option<PathBuf> = None;
    let mut number = 0;
    let mut since = Instant::now();
    let mut unfinished: Option<(PathBuf, Instant)> = None;
    loop {
        for frame in after(path, last.as_deref(), sink)? {
            let image = match decode(&frame) {
                Ok(image) => image,
                Err(error) if is_unfinished(&error) => {
                    let first = match unfinished {
                        Some((path, first)) if path == frame => first,
                        _ => Instant::now(),
                    };
                    if first.elapsed() >= SETTLED {
                        return Err(error);
                    }
                    unfinished = Some((frame, first));
                    break;
                }
                Err(error) => return Err(error),
            };
            let seconds = match options.source_fps {
                Some(fps) => number as f64 / fps,
                None => clock.seconds(f64::NAN, Instant::now()),
            };
            if sink.image(number, seconds, image).is_break() {
                return Ok(());
            }
            number += 1;
            last = Some(frame);
            since = Instant::now();
        }
        if since.elapsed() >= options.timeout {
            return Err(ClipError::Stalled {
                path: path.to_owned(),
                patience: options.timeout,
            });
        }
        if !sink.ring.sleep(LOOK) {
            return Ok(());
        }
    }
}

/// The frames of the directory that come after `last`.
fn after(path: &Path, last: Option<&Path>, sink: &Sink<'_>) -> Result<Vec<PathBuf>> {
    let listed = match FrameDir::list_matching(path, sink.options.open.frames.as_ref()) {
        Ok(listed) => listed.frames,
        Err(ClipError::NoFrames { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let comes_after = |frame: &PathBuf| {
        last.is_none_or(|last| {
            let [frame, last] = [frame, last].map(|path| path.as_os_str().as_encoded_bytes());
            natural_order(frame, last) == Ordering::Greater
        })
    };
    Ok(listed.into_iter().filter(comes_after).collect())
}

/// Whether a frame may be one that is just being written.
fn is_unfinished(error: &ClipError) -> bool {
    matches!(
        error,
        ClipError::Truncated { .. } | ClipError::Decode { .. } | ClipError::FrameVanished { .. }
    )
}
