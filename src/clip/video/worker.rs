//! A decoding worker: a process of its own that reads videos with libav*, so that nothing in a file can harm this one.

use std::env;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::protocol::{Facts, Location, Reply, Request, Wanted, receive, send};
use crate::clip::frames::{Cropped, FRAME_BYTES};

/// How long a worker may take to start.
const START: Duration = Duration::from_secs(20);

/// Most images of one frame: of ten crops, and of more variations than anybody asks for.
const MAX_IMAGES: u64 = 1 << 12;

/// The program's name.
const PROGRAM: &str = "eco-decode";

/// Why a worker gave no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is none.
    Missing(String),
    /// It leaves the file to the ffmpeg program.
    Declined(String),
    /// It was silent for too long and was stopped.
    TimedOut,
    /// It ended, or said what no worker says.
    Broken(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Broken(format!("the decoding worker has ended: {error}"))
    }
}

/// A running worker. It is killed when it is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    requests: BufWriter<ChildStdin>,
    replies: Receiver<io::Result<Message>>,
    libraries: String,
    /// The file that it has open.
    pub(super) open: Option<Location>,
}

/// A reply, and the pixels behind it.
#[derive(Debug)]
struct Message {
    reply: Reply,
    pixels: Vec<u8>,
}

/// Where the program is: in the folder of this program, or in the one above, where tests are beside it.
pub(super) fn beside_this_program() -> Option<PathBuf> {
    let file = format!("{PROGRAM}{}", env::consts::EXE_SUFFIX);
    let this = env::current_exe().and_then(std::fs::canonicalize).ok()?;
    let folders = this.ancestors().skip(1).take(2);
    let mut found = folders.map(|folder| folder.join(&file));
    found.find(|path| path.is_file())
}

impl Worker {
    /// Starts `program` and waits for its greeting.
    pub(super) fn start(program: &Path) -> Result<Self, String> {
        let failed = |reason: String| format!("{}: {reason}", program.display());
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(stdin), Some(stdout)) = pipes else {
            return Err(failed("it has no pipes".to_owned()));
        };
        let (sender, replies) = sync_channel(1);
        thread::spawn(move || {
            let mut stdout = BufReader::with_capacity(1 << 16, stdout);
            loop {
                let message = next_message(&mut stdout);
                let is_last = message.is_err();
                if sender.send(message).is_err() || is_last {
                    return;
                }
            }
        });
        let mut worker = Worker {
            child,
            requests: BufWriter::new(stdin),
            replies,
            libraries: String::new(),
            open: None,
        };
        match worker.reply(START) {
            Ok(Reply::Hello { version, libraries }) if version == env!("CARGO_PKG_VERSION") => {
                worker.libraries = libraries;
                Ok(worker)
            }
            Ok(Reply::Hello { version, .. }) => Err(failed(format!(
                "it belongs to eco {version}, this is {}",
                env!("CARGO_PKG_VERSION")
            ))),
            _ => Err(failed("it does not start".to_owned())),
        }
    }

    /// The libraries it runs with.
    pub(super) fn libraries(&self) -> &str {
        &self.libraries
    }

    /// Lists a file's packets.
    pub(super) fn list(&mut self, file: Location, patience: Duration) -> Result<Facts, Failure> {
        self.open = Some(file.clone());
        self.request(&Request::Open { file })?;
        match self.reply(patience)? {
            Reply::Opened(facts) => Ok(facts),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks for frames of a file, which [`Worker::next`] gives.
    pub(super) fn ask(&mut self, file: &Location, request: &Request) -> Result<(), Failure> {
        self.open = Some(file.clone());
        self.request(request)
    }

    /// The next frame that was asked for, which is to be `wanted`.
    pub(super) fn next(&mut self, wanted: &Wanted, patience: Duration) -> Result<Cropped, Failure> {
        self.request(&Request::Next)?;
        let Message { reply, pixels } = self.message(patience)?;
        let Reply::Frame {
            index,
            width,
            height,
            ..
        } = reply
        else {
            return Err(unexpected(&reply));
        };
        let images: usize = wanted.cuts.iter().map(|cut| cut.count()).sum();
        if index != wanted.index || pixels.len() != images * FRAME_BYTES {
            return Err(Failure::Broken("it sent another frame".to_owned()));
        }
        Ok(Cropped::of_images(
            index,
            (width, height),
            &wanted.cuts,
            &pixels,
        ))
    }

    fn request(&mut self, request: &impl Serialize) -> Result<(), Failure> {
        send(&mut self.requests, request)?;
        Ok(self.requests.flush()?)
    }

    fn reply(&self, patience: Duration) -> Result<Reply, Failure> {
        Ok(self.message(patience)?.reply)
    }

    fn message(&self, patience: Duration) -> Result<Message, Failure> {
        match self.replies.recv_timeout(patience) {
            Ok(Ok(Message {
                reply: Reply::Declined { reason },
                ..
            })) => Err(Failure::Declined(reason)),
            Ok(message) => Ok(message?),
            Err(RecvTimeoutError::Timeout) => Err(Failure::TimedOut),
            Err(RecvTimeoutError::Disconnected) => {
                Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn next_message(stdout: &mut impl Read) -> io::Result<Message> {
    let reply = receive(stdout)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut pixels = Vec::new();
    if let Reply::Frame { bytes, .. } = reply {
        let most = FRAME_BYTES as u64 * MAX_IMAGES;
        if bytes > most {
            return Err(io::Error::other("a frame that is too large"));
        }
        pixels.resize(bytes as usize, 0);
        stdout.read_exact(&mut pixels)?;
    }
    Ok(Message { reply, pixels })
}

fn unexpected(reply: &Reply) -> Failure {
    Failure::Broken(format!("the decoding worker answers with {reply:?}"))
}
