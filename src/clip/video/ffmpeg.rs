//! The `ffmpeg` and `ffprobe` programs: finding them, and running them so that nothing can hang.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::clip::error::{ClipError, Result};
use crate::clip::reading::read_error;

/// Bytes handed over at once.
const CHUNK: usize = 1 << 18;

/// Chunks that may wait between the program and its reader: 1 MiB.
const CHUNKS_AHEAD: usize = 4;

/// How much of a program's complaints is kept, in lines.
const MAX_MESSAGES: usize = 20;

/// The longest silence that is waited out, whatever a video's length.
const MAX_PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a program may take to end after it has closed its output.
const FAREWELL: Duration = Duration::from_secs(5);

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
            patience: Duration::from_secs(60),
        })
    }

    /// How long ffmpeg may be silent on a video of this length.
    pub(in crate::clip) fn patience_for(&self, length: Duration) -> Duration {
        // A damaged file can claim to last for ages.
        self.patience
            .saturating_add(length.saturating_mul(4))
            .min(MAX_PATIENCE)
    }

    /// Starts ffprobe on a video with these further arguments.
    pub(in crate::clip) fn probe(&self, video: &Path, arguments: &[&str]) -> Result<Process> {
        let mut command = Command::new(&self.ffprobe);
        command.args([
            "-hide_banner",
            "-loglevel",
            "error",
            "-protocol_whitelist",
            "file",
        ]);
        command.args(arguments).arg("-i").arg(local_file(video));
        Process::start(command, self.patience)
    }

    /// Starts ffmpeg on a video of this length, with these options for reading it and these for
    /// what to do with it (filters and output).
    pub(in crate::clip) fn decode(
        &self,
        video: &Path,
        length: Duration,
        input: &[String],
        output: &[&str],
    ) -> Result<Process> {
        let mut command = Command::new(&self.ffmpeg);
        command.args(["-nostdin", "-hide_banner", "-loglevel", "error"]);
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

/// A running program whose output is read. It is killed when it is dropped.
pub(in crate::clip) struct Process {
    child: Child,
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    read: usize,
    messages: Option<JoinHandle<VecDeque<String>>>,
    patience: Duration,
}

impl Process {
    fn start(mut command: Command, patience: Duration) -> Result<Self> {
        let program = PathBuf::from(command.get_program());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| read_error(&program, error))?;
        let (sender, chunks) = sync_channel(CHUNKS_AHEAD);
        if let Some(mut stdout) = child.stdout.take() {
            thread::spawn(move || {
                loop {
                    let mut chunk = vec![0; CHUNK];
                    let result = stdout.read(&mut chunk);
                    let is_last = !matches!(result, Ok(1..));
                    let message = result.map(|length| {
                        chunk.truncate(length);
                        chunk
                    });
                    if sender.send(message).is_err() || is_last {
                        return;
                    }
                }
            });
        }
        let messages = child
            .stderr
            .take()
            .map(|stderr| thread::spawn(move || last_lines(stderr)));
        Ok(Process {
            child,
            chunks,
            chunk: Vec::new(),
            read: 0,
            messages,
            patience,
        })
    }

    /// Everything the program prints, and how it ended.
    pub(in crate::clip) fn output(mut self) -> io::Result<(Vec<u8>, Ending)> {
        let mut output = Vec::new();
        self.read_to_end(&mut output)?;
        Ok((output, self.end()?))
    }

    /// Waits for the program's end, after its output has been read.
    pub(in crate::clip) fn end(mut self) -> io::Result<Ending> {
        let status = self.wait()?;
        let messages = self.messages.take().and_then(|thread| thread.join().ok());
        Ok(Ending {
            status,
            messages: messages.unwrap_or_default().into(),
        })
    }

    fn wait(&mut self) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + FAREWELL;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(2));
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl Read for Process {
    /// An error of kind [`TimedOut`](io::ErrorKind::TimedOut) means that the program was silent
    /// for too long.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.chunk.len() {
            self.chunk = match self.chunks.recv_timeout(self.patience) {
                Ok(chunk) => chunk?,
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
                Err(RecvTimeoutError::Disconnected) => Vec::new(),
            };
            self.read = 0;
        }
        let length = buffer.len().min(self.chunk.len() - self.read);
        buffer[..length].copy_from_slice(&self.chunk[self.read..self.read + length]);
        self.read += length;
        Ok(length)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when the program has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a program ended.
pub(in crate::clip) struct Ending {
    status: ExitStatus,
    messages: Vec<String>,
}

impl Ending {
    pub(in crate::clip) fn success(&self) -> bool {
        self.status.success()
    }

    /// What the program complained about, in one line.
    pub(in crate::clip) fn reason(&self) -> String {
        match self.messages.last() {
            Some(last) => last.clone(),
            None => format!("ffmpeg ended with {} and said nothing", self.status),
        }
    }
}

fn last_lines(stderr: impl Read) -> VecDeque<String> {
    let mut lines = VecDeque::new();
    let mut reader = io::BufReader::new(stderr);
    let mut line = Vec::new();
    while matches!(
        io::BufRead::read_until(&mut reader, b'\n', &mut line),
        Ok(1..)
    ) {
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        line.clear();
        if text.is_empty() {
            continue;
        }
        if lines.len() == MAX_MESSAGES {
            lines.pop_front();
        }
        lines.push_back(text);
    }
    lines
}
