//! The `ffmpeg` and `ffprobe` programs: where they are and how they are called.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::input::Input;
use super::process::{Ending, Process};
use crate::clip::error::{ClipError, Result};

/// The longest silence that is waited out, whatever a video's length.
const MAX_PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a decoder may be silent about what takes no time.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Where the two programs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ffmpeg {
    /// The program that decodes.
    pub ffmpeg: PathBuf,
    /// The program that describes files.
    pub ffprobe: PathBuf,
    /// Threads for decoding; `None` leaves the choice to ffmpeg.
    pub threads: Option<usize>,
    /// How long ffprobe may be silent. ffmpeg is given four times the video's length on top, since
    /// it is silent while it decodes frames that are not wanted.
    pub patience: Duration,
}

impl Ffmpeg {
    /// Finds the programs: `given` is the path of ffmpeg or of the directory it is in, and ffprobe
    /// is looked for beside it; without it, both are looked for on PATH.
    ///
    /// # Errors
    /// [`ClipError::FfmpegMissing`] names the program that was not found and says how to get it.
    pub fn find(given: Option<&Path>) -> Result<Ffmpeg> {
        let on_path = || -> Vec<PathBuf> {
            env::var_os("PATH")
                .map(|path| env::split_paths(&path).collect())
                .unwrap_or_default()
        };
        let (ffmpeg, ffprobe) = match given {
            None => (
                find_program("ffmpeg", &on_path())?,
                find_program("ffprobe", &on_path())?,
            ),
            Some(path) => {
                let is_program = path.is_file();
                let directory = if is_program {
                    path.parent()
                } else {
                    Some(path)
                };
                let beside = [directory.unwrap_or(Path::new("")).to_path_buf()];
                let ffmpeg = match is_program {
                    true => Ok(path.to_path_buf()),
                    false => find_program("ffmpeg", &beside),
                };
                (
                    ffmpeg?,
                    find_program("ffprobe", &beside)
                        .or_else(|_| find_program("ffprobe", &on_path()))?,
                )
            }
        };
        Ok(Ffmpeg {
            ffmpeg,
            ffprobe,
            threads: None,
            patience: PATIENCE,
        })
    }

    /// How long ffmpeg may be silent on a video of this length.
    pub(super) fn patience_for(&self, length: Duration) -> Duration {
        patience_for(self.patience, length)
    }

    /// What ffprobe prints about the first video stream of a file, and how it says that the file is cut off, if it does.
    ///
    /// # Errors
    /// [`ClipError::Video`] with ffprobe's reason, [`ClipError::NoVideoFrames`], [`ClipError::VideoTimeout`].
    pub(super) fn printed(&self, video: &Input, arguments: &[&str]) -> Result<Printed> {
        let (output, ending) = self
            .probe(video, arguments)?
            .output()
            .map_err(|error| process_error(video.name(), error, self.patience))?;
        if ending.success() {
            // ffprobe takes what has come for the whole video when the connection breaks.
            let reason = ending.reason();
            if video.is_remote() && BROKEN.iter().any(|words| reason.contains(words)) {
                return Err(ClipError::Video {
                    path: video.name().to_path_buf(),
                    reason: format!("it did not come whole: {}", video.shown(reason)),
                });
            }
            let says_so = |complaint: &&str| CUT_OFF.iter().any(|end| complaint.ends_with(end));
            return Ok(Printed {
                text: String::from_utf8_lossy(&output).into_owned(),
                cut_off: ending.last_complaint().filter(says_so).map(str::to_owned),
            });
        }
        let (path, reason) = match self.failure(video, &ending) {
            ClipError::Video { path, reason } => (path, reason),
            other => return Err(other),
        };
        // What ffprobe says of a container whose header is followed by nothing.
        if reason.ends_with("End of file") {
            return Err(ClipError::NoVideoFrames { path });
        }
        // Whether what is behind an address begins so is not known.
        let has_no_index = reason.starts_with("moov atom not found") && !video.is_remote();
        let reason = match (has_no_index, is_movie(video)) {
            (true, true) => format!(
                "{reason} (the file is incomplete: its index, which comes last, is missing)"
            ),
            (true, false) => {
                format!("{reason} (the file does not begin as an MP4 or MOV file does)")
            }
            (false, _) => reason,
        };
        Err(ClipError::Video { path, reason })
    }

    /// The error of a program that failed on a video.
    pub(super) fn failure(&self, video: &Input, ending: &Ending) -> ClipError {
        let path = video.name().to_path_buf();
        let reason = video.shown(ending.reason());
        match video.is_remote() && reason.contains("timed out") {
            true => ClipError::VideoTimeout {
                path,
                seconds: self.patience.as_secs(),
            },
            false => ClipError::Video { path, reason },
        }
    }

    fn probe(&self, video: &Input, arguments: &[&str]) -> Result<Process> {
        let mut command = Command::new(&self.ffprobe);
        command.args([
            "-hide_banner",
            "-loglevel",
            "error",
            "-select_streams",
            "V:0",
        ]);
        name(video, command.args(arguments));
        Process::start(command, self.patience)
    }

    /// Starts ffmpeg on a video of this length, with these options for reading it and these for
    /// what to do with it (filters and output).
    pub(super) fn decode(
        &self,
        video: &Input,
        length: Duration,
        input: &[String],
        output: &[String],
    ) -> Result<Process> {
        let mut command = Command::new(&self.ffmpeg);
        // `repeat`: a number that is printed twice in a row must not be printed once.
        command.args(["-nostdin", "-hide_banner", "-loglevel", "repeat+error"]);
        if let Some(threads) = self.threads {
            command.args(["-threads", &threads.to_string()]);
        }
        if video.is_remote() {
            // However long it takes to decode what has come. To ffprobe it would be an end like any other.
            let microseconds = self.patience.as_micros().to_string();
            command.args(["-rw_timeout", &microseconds]);
        }
        name(video, command.args(input));
        command.args(output);
        Process::start(command, self.patience_for(length))
    }
}

/// How long a decoder may be silent on a video of this length: it is silent while it decodes frames that are not wanted.
pub(super) fn patience_for(patience: Duration, length: Duration) -> Duration {
    // A damaged file can claim to last for ages.
    patience
        .saturating_add(length.saturating_mul(4))
        .min(MAX_PATIENCE)
}

/// What ffprobe printed.
pub(super) struct Printed {
    pub(super) text: String,
    /// How it says that the file ends too early.
    pub(super) cut_off: Option<String>,
}

/// Adds the arguments that name a video.
fn name(video: &Input, command: &mut Command) {
    command.args(["-protocol_whitelist", video.protocols()]);
    command.arg("-i").arg(video.url());
}

/// What complaints say when not all came of what is behind an address.
const BROKEN: [&str; 9] = [
    "prematurely",
    "partial file",
    "timed out",
    "HTTP error",
    "Failed to open",
    "Input/output error",
    "Connection reset",
    "Read error",
    "pull function",
];

/// How ffprobe's complaint ends about a file whose end is missing.
const CUT_OFF: [&str; 2] = ["partial file", "File ended prematurely"];

/// Whether a file begins with an atom that MP4 and MOV files begin with.
fn is_movie(video: &Input) -> bool {
    const FIRST: [&[u8]; 6] = [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"];
    let head = video.head::<8>();
    head.is_some_and(|(head, _)| FIRST.contains(&&head[4..]))
}

/// What an error while a program is read says about the video.
pub(super) fn process_error(video: &Path, error: io::Error, patience: Duration) -> ClipError {
    let path = video.to_path_buf();
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

fn find_program(name: &str, directories: &[PathBuf]) -> Result<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    let mut candidates = directories.iter().map(|directory| directory.join(&file));
    candidates
        .find(|path| path.is_file())
        .ok_or_else(|| ClipError::FfmpegMissing {
            program: name.to_owned(),
            searched: match directories {
                [one] => one.display().to_string(),
                _ => "the directories of PATH".to_owned(),
            },
        })
}
