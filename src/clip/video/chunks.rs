//! Bytes that come from elsewhere, read on a thread of their own, so that silence is noticed.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

/// Bytes handed over at once.
const CHUNK: usize = 1 << 18;

/// Chunks that may wait between the source and its reader: 1 MiB.
const CHUNKS_AHEAD: usize = 4;

/// What a source gives, to be read with patience.
pub(in crate::clip) struct Chunks {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    read: usize,
    patience: Duration,
}

impl Chunks {
    /// Reads from `source`, which may be silent for `patience`. Its thread ends with the source, or with the first chunk after
    /// the reader is gone.
    pub(in crate::clip) fn of(mut source: impl Read + Send + 'static, patience: Duration) -> Self {
        let (sender, chunks) = sync_channel(CHUNKS_AHEAD);
        thread::spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK];
                let result = source.read(&mut chunk);
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
        Self {
            chunks,
            chunk: Vec::new(),
            read: 0,
            patience,
        }
    }
}

impl Read for Chunks {
    /// An error of kind [`TimedOut`](io::ErrorKind::TimedOut) means that the source was silent for too long. Reading may go on.
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
