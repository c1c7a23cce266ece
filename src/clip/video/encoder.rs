//! Frames to a video file, through the `ffmpeg` program.

use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::{self, JoinHandle};

use super::ffmpeg::Ffmpeg;
use crate::clip::error::{ClipError, Result};
use crate::clip::reading::read_error;

/// Most bytes of what ffmpeg says that are kept.
const MOST_SAID: u64 = 4096;

/// A video that is being written. What there is of it is whole only after [`Encoder::finish`].
#[derive(Debug)]
pub struct Encoder {
    /// As the user named it.
    name: PathBuf,
    child: Child,
    frames: Option<BufWriter<ChildStdin>>,
    said: Option<JoinHandle<String>>,
}

impl Encoder {
    /// Starts to write frames of this size in pixels (even numbers), RGB, to `file`, whose extension decides about container
    /// and codec. `name` is what the user calls it.
    ///
    /// # Errors
    /// A program that cannot be started.
    pub fn start(
        ffmpeg: &Ffmpeg,
        file: &Path,
        name: &Path,
        (width, height): (usize, usize),
        fps: f64,
    ) -> Result<Self> {
        let mut command = Command::new(&ffmpeg.ffmpeg);
        let size = format!("{width}x{height}");
        let rate = format!("{fps:.6}");
        command.args(["-hide_banner", "-loglevel", "error", "-y"]);
        command.args([
            "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size, "-r", &rate,
        ]);
        command.args(["-i", "pipe:0", "-an", "-pix_fmt", "yuv420p"]);
        command.arg(file);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        {
            // Ctrl-C is for this program, which then ends the video as it should be.
            use std::os::unix::process::CommandExt;
            command.process_group(0);
        }
        let mut child = command
            .spawn()
            .map_err(|error| read_error(&ffmpeg.ffmpeg, error))?;
        let frames = child.stdin.take().map(BufWriter::new);
        let said = child.stderr.take().map(|stderr| {
            thread::spawn(move || {
                let mut said = String::new();
                let mut stderr = stderr;
                // What is not text is not said; what is too much is read and forgotten.
                let _ = (&mut stderr).take(MOST_SAID).read_to_string(&mut said);
                let _ = io::copy(&mut stderr, &mut io::sink());
                said
            })
        });
        Ok(Self {
            name: name.to_path_buf(),
            child,
            frames,
            said,
        })
    }

    /// Adds a frame, RGB, `[height, width, 3]`.
    ///
    /// # Errors
    /// [`ClipError::Encode`] when ffmpeg has given up.
    pub fn write(&mut self, frame: &[u8]) -> Result<()> {
        let written = match &mut self.frames {
            Some(frames) => frames.write_all(frame),
            None => Ok(()),
        };
        written.map_err(|error| self.failed(&error.to_string()))
    }

    /// Ends the video.
    ///
    /// # Errors
    /// [`ClipError::Encode`].
    pub fn finish(mut self) -> Result<()> {
        if let Some(mut frames) = self.frames.take() {
            let flushed = frames.flush();
            flushed.map_err(|error| self.failed(&error.to_string()))?;
        }
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(self.failed(&format!("it ended with {status}"))),
            Err(error) => Err(self.failed(&error.to_string())),
        }
    }

    /// The error, in ffmpeg's words where it has any.
    fn failed(&mut self, otherwise: &str) -> ClipError {
        self.frames = None;
        let said = self.said.take().and_then(|thread| thread.join().ok());
        let said = said.unwrap_or_default();
        let reason = said.lines().map(str::trim).find(|line| !line.is_empty());
        ClipError::Encode {
            path: self.name.clone(),
            reason: reason.unwrap_or(otherwise).to_owned(),
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // Both fail when the program has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
