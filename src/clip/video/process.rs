//! A running program: its output, what it says beside it, and its end, so that nothing can hang.

use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::chunks::Chunks;
use crate::clip::error::Result;
use crate::clip::reading::read_error;

/// How long a program may take to end after it has closed its output.
const FAREWELL: Duration = Duration::from_secs(5);

/// A running program whose output is read. It is killed when it is dropped.
pub(in crate::clip) struct Process {
    child: Child,
    output: Option<Chunks>,
    complaints: Option<JoinHandle<Complaints>>,
    numbers: Receiver<f64>,
    patience: Duration,
}

impl Process {
    /// Starts `command`, which may be silent for `patience`.
    pub(super) fn start(command: Command, patience: Duration) -> Result<Self> {
        Self::start_with(command, Stdio::null(), patience)
    }

    /// The same, with something to read.
    pub(in crate::clip) fn start_with(
        mut command: Command,
        input: Stdio,
        patience: Duration,
    ) -> Result<Self> {
        let program = PathBuf::from(command.get_program());
        // Colours would hide the numbers among the messages.
        command
            .env("AV_LOG_FORCE_NOCOLOR", "1")
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| read_error(&program, error))?;
        let output = child
            .stdout
            .take()
            .map(|stdout| Chunks::of(stdout, patience));
        let (number_sender, numbers) = channel();
        let complaints = child
            .stderr
            .take()
            .map(|stderr| thread::spawn(move || listen(stderr, &number_sender)));
        Ok(Process {
            child,
            output,
            complaints,
            numbers,
            patience,
        })
    }

    /// Everything the program prints, and how it ended.
    pub(super) fn output(mut self) -> io::Result<(Vec<u8>, Ending)> {
        let mut output = Vec::new();
        self.read_to_end(&mut output)?;
        Ok((output, self.end()?))
    }

    /// Waits for the program's end, after its output has been read.
    pub(in crate::clip) fn end(mut self) -> io::Result<Ending> {
        let status = self.wait()?;
        let complaints = self.complaints.take().and_then(|thread| thread.join().ok());
        Ok(Ending {
            status,
            complaints: complaints.unwrap_or_default(),
            numbers: self.numbers.try_iter().collect(),
        })
    }

    /// The next number that the program printed as a line of its own on standard error; `None` when it has ended.
    pub(in crate::clip) fn number(&self) -> io::Result<Option<f64>> {
        match self.numbers.recv_timeout(self.patience) {
            Ok(number) => Ok(Some(number)),
            Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
        }
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
        match &mut self.output {
            Some(output) => output.read(buffer),
            None => Ok(0),
        }
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
    complaints: Complaints,
    /// The numbers that had not been read.
    pub(super) numbers: Vec<f64>,
}

impl Ending {
    pub(in crate::clip) fn success(&self) -> bool {
        self.status.success()
    }

    /// The last thing that the program complained about.
    pub(super) fn last_complaint(&self) -> Option<&str> {
        self.complaints.last.as_deref()
    }

    /// What the program complained about, in one line: the cause it saw first, and what became of it.
    pub(in crate::clip) fn reason(&self) -> String {
        let Complaints { first, last } = &self.complaints;
        match (first, last) {
            (Some(first), Some(last)) if first != last => format!("{first}: {last}"),
            (Some(first), _) => first.clone(),
            _ => format!("the program ended with {} and said nothing", self.status),
        }
    }
}

/// The first and the last message of a program.
#[derive(Default)]
struct Complaints {
    first: Option<String>,
    last: Option<String>,
}

/// Reads messages until the end. Lines that are a number and nothing else go to `numbers`.
fn listen(stderr: impl Read, numbers: &Sender<f64>) -> Complaints {
    let mut complaints = Complaints::default();
    let mut reader = io::BufReader::new(stderr);
    let mut line = Vec::new();
    while matches!(
        io::BufRead::read_until(&mut reader, b'\n', &mut line),
        Ok(1..)
    ) {
        let text = String::from_utf8_lossy(&line);
        let text = without_place(text.trim());
        match text.parse() {
            // Nobody may be reading them any more.
            Ok(number) => drop(numbers.send(number)),
            Err(_) if text.is_empty() => {}
            Err(_) => {
                complaints.first.get_or_insert_with(|| text.to_owned());
                complaints.last = Some(text.to_owned());
            }
        }
        line.clear();
    }
    complaints
}

/// How the names of files begin that messages are about.
const FILES: [&str; 4] = ["file:", "subfile,", "http://", "https://"];

/// A message without the part of the program (`[mov,mp4 @ 0x55d0]`) or the file (`file:clip.mp4:`) that it comes from.
fn without_place(text: &str) -> &str {
    let text = match text.split_once("] ") {
        Some((place, rest)) if place.starts_with('[') => rest,
        _ => text,
    };
    match text.rsplit_once(": ") {
        Some((file, rest)) if FILES.iter().any(|name| file.starts_with(name)) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_complaints_and_the_cause_survives() {
        let said = "3.000000\n[mov,mp4 @ 0x55d0] moov atom not found\n[Eval @ 0x7f] -1.500000\n\
                    file:a: b.mp4: Invalid data found\n";
        let (sender, numbers) = channel();
        let Complaints { first, last } = listen(said.as_bytes(), &sender);
        assert_eq!(numbers.try_iter().collect::<Vec<_>>(), [3.0, -1.5]);
        assert_eq!(first.as_deref(), Some("moov atom not found"));
        assert_eq!(last.as_deref(), Some("Invalid data found"));
    }
}
