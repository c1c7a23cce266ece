//! Where the bytes of an archive come from.

use std::fs::File;
use std::io::{self, BufReader, Read};

/// Bytes that come one after another.
pub(super) trait Source: Read {
    /// Passes over so many bytes; returns how many of them were not there.
    fn pass(&mut self, bytes: u64) -> io::Result<u64>;

    /// Bytes that are left, where that is known.
    fn left(&self) -> Option<u64>;
}

/// A file, of which only the headers are read.
pub(super) struct Seeking {
    reader: BufReader<File>,
    left: u64,
}

impl Seeking {
    pub(super) fn of(file: File) -> io::Result<Self> {
        let left = file.metadata()?.len();
        // More than a header or two would be read in vain.
        let reader = BufReader::with_capacity(4096, file);
        Ok(Seeking { reader, left })
    }
}

impl Read for Seeking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

impl Source for Seeking {
    fn pass(&mut self, bytes: u64) -> io::Result<u64> {
        let passed = bytes.min(self.left);
        let offset = i64::try_from(passed).map_err(io::Error::other)?;
        self.reader.seek_relative(offset)?;
        self.left -= passed;
        Ok(bytes - passed)
    }

    fn left(&self) -> Option<u64> {
        Some(self.left)
    }
}

/// A stream.
pub(super) struct Streaming<R>(pub(super) R);

impl<R: Read> Read for Streaming<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> Source for Streaming<R> {
    fn pass(&mut self, bytes: u64) -> io::Result<u64> {
        let passed = io::copy(&mut self.0.by_ref().take(bytes), &mut io::sink())?;
        Ok(bytes - passed)
    }

    fn left(&self) -> Option<u64> {
        None
    }
}
