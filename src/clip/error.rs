//! What can go wrong between a path and a batch of pixels.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::grouping::SeriesCount;
use super::skipped::Skipped;

/// Result of every fallible function of [`clip`](crate::clip).
pub type Result<T> = std::result::Result<T, ClipError>;

/// An error that names the file or directory it is about, and says what to do where that is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClipError {
    /// Nothing exists at this path.
    #[error("{} does not exist{}", path.display(), did_you_mean(similar.as_deref()))]
    NotFound {
        /// The path as it was given.
        path: PathBuf,
        /// The entry of the same parent directory whose name is closest, when one is close.
        similar: Option<PathBuf>,
    },

    /// A directory was expected and something else is there.
    #[error("{} is not a directory", path.display())]
    NotADirectory {
        /// The path as it was given.
        path: PathBuf,
    },

    /// The operating system refused access.
    #[error("no permission to read {}", path.display())]
    PermissionDenied {
        /// The file or directory that may not be read.
        path: PathBuf,
    },

    /// A directory holds no frame.
    #[error("no frames in {}: {}", path.display(), skipped.advice())]
    NoFrames {
        /// The directory.
        path: PathBuf,
        /// What it holds instead.
        skipped: Skipped,
    },

    /// A directory holds images of several kinds, and nothing tells which of them are the clip's frames.
    #[error("{} holds several series of images, {}: choose one by a pattern of its names, such as '{}'",
        path.display(), listed(series), series.first().map_or("*", |series| &series.pattern))]
    SeveralSeries {
        /// The directory.
        path: PathBuf,
        /// The series, the largest first.
        series: Vec<SeriesCount>,
    },

    /// No image of a directory has a name of the pattern that was asked for.
    #[error("no image in {} is named {pattern}: there are {}", path.display(), listed(series))]
    NoMatch {
        /// The directory.
        path: PathBuf,
        /// The pattern.
        pattern: String,
        /// What there is instead, the largest series first.
        series: Vec<SeriesCount>,
    },

    /// A frame was listed, but was gone when it was to be decoded.
    #[error("frame {} was there when the directory was listed and is gone now", path.display())]
    FrameVanished {
        /// The frame.
        path: PathBuf,
    },

    /// A file ends before its image does.
    #[error("frame {} is truncated: {reason}", path.display())]
    Truncated {
        /// The frame.
        path: PathBuf,
        /// How that was noticed.
        reason: String,
    },

    /// A file holds no image that can be decoded.
    #[error("frame {} cannot be decoded: {reason}", path.display())]
    Decode {
        /// The frame.
        path: PathBuf,
        /// What the decoder says.
        reason: String,
    },

    /// An image, or the file around it, is larger than a frame may be.
    #[error("frame {} is too large: {reason}", path.display())]
    TooLarge {
        /// The frame.
        path: PathBuf,
        /// The size found and the limit it breaks.
        reason: String,
    },

    /// Reading failed for another reason.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },

    /// A path names one image where a clip is expected.
    #[error(
        "{} is a single image: a clip is a directory of frames or a video", path.display()
    )]
    SingleImage {
        /// The image.
        path: PathBuf,
    },

    /// A path names neither a file nor a directory.
    #[error("{} is neither a directory of frames nor a video file", path.display())]
    NotAClip {
        /// The path as it was given.
        path: PathBuf,
    },

    /// An archive, or a clip in one, cannot be read.
    #[error("{}: {reason}", archive(path))]
    Archive {
        /// The archive or the clip; `-` for a stream.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// A list is an archive.
    #[error("line {line} of the list is in the middle of a tar archive")]
    ArchiveAsList {
        /// The line, from 1.
        line: usize,
    },

    /// An address is of a scheme that is not read.
    #[error(
        "{} is not read: addresses are https:// or http://, which storage services give for what they keep (presigned URLs)",
        path.display()
    )]
    Scheme {
        /// The address, without its secrets.
        path: PathBuf,
    },

    /// `ffmpeg` or `ffprobe` was not found.
    #[error(
        "videos need the program {program}, which is not in {searched}; install it (apt install \
         ffmpeg, dnf install ffmpeg-free, brew install ffmpeg, winget install ffmpeg) or say where \
         it is"
    )]
    FfmpegMissing {
        /// The program.
        program: String,
        /// Where it was looked for.
        searched: String,
    },

    /// ffmpeg cannot read a video.
    #[error("video {} cannot be read: {reason}", path.display())]
    Video {
        /// The video.
        path: PathBuf,
        /// What ffmpeg says.
        reason: String,
    },

    /// libav* does not decode a video, and nothing else may.
    #[error("video {} is not decoded by libav*: {reason}", path.display())]
    Libav {
        /// The video.
        path: PathBuf,
        /// Why not.
        reason: String,
    },

    /// A file has no video stream (sound alone, or sound with a cover picture).
    #[error("{} has no video stream", path.display())]
    NoVideoStream {
        /// The file.
        path: PathBuf,
    },

    /// A video has a video stream without frames.
    #[error("video {} has no frames", path.display())]
    NoVideoFrames {
        /// The video.
        path: PathBuf,
    },

    /// A video yields fewer frames than its container lists.
    #[error(
        "video {} ends before frame {index}, which its container lists", path.display()
    )]
    VideoFramesMissing {
        /// The video.
        path: PathBuf,
        /// The first frame that did not come, counted from 0.
        index: usize,
    },

    /// ffmpeg was silent for too long and was stopped.
    #[error(
        "video {} was given up: no frame for {seconds} seconds", path.display()
    )]
    VideoTimeout {
        /// The video.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },

    /// A stream cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    Stream {
        /// The source, as it was named.
        path: PathBuf,
        /// What is known about the reason.
        reason: String,
    },

    /// A stream gave no frame for too long.
    #[error("{}: no frame for {} s", path.display(), patience.as_secs_f64())]
    Stalled {
        /// The source, as it was named.
        path: PathBuf,
        /// How long it was waited for.
        patience: Duration,
    },

    /// A stream was lost, and trying again did not help.
    #[error("{} was lost, and so were {attempts} attempts to reach it again", path.display())]
    Lost {
        /// The source, as it was named.
        path: PathBuf,
        /// How often it was tried.
        attempts: usize,
        /// What the last attempt ended with.
        source: Box<ClipError>,
    },

    /// A video cannot be written.
    #[error("ffmpeg cannot write {}: {reason}", path.display())]
    Encode {
        /// The video.
        path: PathBuf,
        /// What ffmpeg says.
        reason: String,
    },

    /// Seconds were asked for where frames have no times.
    #[error(
        "{} has no frame rate, so seconds have no meaning for it: count in frames, or give a frame \
         rate", path.display()
    )]
    NoFrameRate {
        /// The clip.
        path: PathBuf,
    },

    /// A selected part of a clip has no frame in it.
    #[error("the part of {} to look at is empty: {reason}", path.display())]
    EmptyRange {
        /// The clip.
        path: PathBuf,
        /// The range and the clip's length.
        reason: String,
    },

    /// The code that loads a clip panicked.
    #[error(
        "loading {} failed in a way that should not happen; please report it with the file", path.display()
    )]
    Panicked {
        /// The clip.
        path: PathBuf,
    },

    /// An entry of a list of clips cannot be understood.
    #[error("line {line} of the list{}: {reason}", form.as_ref().map_or(String::new(), |form| format!(" is not of its form, {form}")))]
    List {
        /// The line, or the number of the entry, counted from 1.
        line: usize,
        /// What the entries of the list are, in words, where that is known.
        form: Option<String>,
        /// What is wrong with this one.
        reason: String,
    },

    /// A list of clips has no entry.
    #[error("the list names no clip")]
    EmptyList,

    /// None of the clips of a list exists.
    #[error(
        "none of the {clips} clips of the list exists, the first is {}: its lines were read as {form}, and relative paths are \
         looked for from here and beside the list", first.display()
    )]
    NothingListed {
        /// How many clips it names.
        clips: usize,
        /// How its entries were read, in words.
        form: String,
        /// The first clip.
        first: PathBuf,
    },

    /// A frame index lies beyond the last frame.
    #[error("frame index {index} is out of range: there are {frames} frames")]
    IndexOutOfRange {
        /// The index asked for, counted from 0.
        index: usize,
        /// How many frames there are.
        frames: usize,
    },

    /// A caller's buffer has the wrong length.
    #[error("a buffer of {expected} values is needed for these frames, got {actual}")]
    BufferLength {
        /// `n * 3 * 224 * 224`.
        expected: usize,
        /// The length of the buffer that was passed.
        actual: usize,
    },
}

fn archive(path: &Path) -> String {
    match path == Path::new("-") {
        true => "the archive on standard input".to_owned(),
        false => path.display().to_string(),
    }
}

fn did_you_mean(similar: Option<&Path>) -> String {
    similar
        .map(|path| format!("; did you mean {}?", path.display()))
        .unwrap_or_default()
}

/// The first few series; there may be as many as files.
fn listed(series: &[SeriesCount]) -> String {
    const SHOWN: usize = 6;
    let mut listed: Vec<String> = series.iter().take(SHOWN).map(ToString::to_string).collect();
    if series.len() > SHOWN {
        listed.push(format!("{} more", series.len() - SHOWN));
    }
    listed.join(", ")
}
