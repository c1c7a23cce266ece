//! The `ffmpeg` and `ffprobe` programs: where they are and how they are called.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::Process;
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
    pub(super) fn printed(&self, video: &Path, arguments: &[&str]) -> Result<Printed> {
        let (output, ending) = self
            .probe(video, arguments)?
            .output()
            .map_err(|error| process_error(video, error, self.patience))?;
        if ending.success() {
            let says_so = |complaint: &&str| CUT_OFF.iter().any(|end| complaint.ends_with(end));
            return Ok(Printed {
                text: String::from_utf8_lossy(&output).into_owned(),
                cut_off: ending.last_complaint().filter(says_so).map(str::to_owned),
            });
        }
        let (path, reason) = (video.to_path_buf(), ending.reason());
        // What ffprobe says of a container whose header is followed by nothing.
        if reason.ends_with("End of file") {
            return Err(ClipError::NoVideoFrames { path });
        }
        let reason = match (reason.starts_with("moov atom not found"), is_movie(video)) {
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

    fn probe(&self, video: &Path, arguments: &[&str]) -> Result<Process> {
        let mut command = Command::new(&self.ffprobe);
        command.args([
            "-hide_banner",
            "-loglevel",
            "error",
            "-protocol_whitelist",
            "file",
            "-select_streams",
            "V:0",
        ]);
        command.args(arguments).arg("-i").arg(local_file(video));
        Process::start(command, self.patience)
    }

    /// Starts ffmpeg on a video of this length, with these options for reading it and these for
    /// what to do with it (filters and output).
    pub(super) fn decode(
        &self,
        video: &Path,
        length: Duration,
        input: &[String],
        output: &[&str],
    ) -> Result<Process> {
        let mut command = Command::new(&self.ffmpeg);
        // `repeat`: a number that is printed twice in a row must not be printed once.
        command.args(["-nostdin", "-hide_banner", "-loglevel", "repeat+error"]);
        if let Some(threads) = self.threads {
            command.args(["-threads", &threads.to_string()]);
        }
        command
            .args(input)
            .args(["-protocol_whitelist", "file", "-i"])
            .arg(local_file(video));
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

/// How ffprobe's complaint ends about a file whose end is missing.
const CUT_OFF: [&str; 2] = ["partial file", "File ended prematurely"];

/// Whether a file begins with an atom that MP4 and MOV files begin with.
fn is_movie(path: &Path) -> bool {
    const FIRST: [&[u8]; 6] = [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"];
    let mut head = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && FIRST.contains(&&head[4..])
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

/// A name that ffmpeg takes as a file whatever it looks like (`http://...`, `-y`, `concat:...`).
fn local_file(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
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
