//! Reading from a source that may fall silent, for a reader that may lose interest.

use std::io::{self, BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use super::ring::Ring;
use super::sink::LiveFrame;

/// How long is waited before it is looked whether the reader still wants frames.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// Whether an error means that the reader wants nothing more.
pub(super) fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionAborted
}

/// Repeats `attempt`, which gives up after [`LOOK`], until it succeeds.
///
/// # Errors
/// Of kind [`TimedOut`](io::ErrorKind::TimedOut) when it has given up for so long as `timeout`; those of [`is_closed`]; others
/// of `attempt`.
pub(super) fn patiently<T>(
    ring: &Ring<LiveFrame>,
    timeout: Duration,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let started = Instant::now();
    loop {
        if ring.is_closed() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                if started.elapsed() >= timeout {
                    return Err(error);
                }
            }
            done => return done,
        }
    }
}

/// A reader of what gives up after [`LOOK`].
pub(super) struct Patient<'a, R> {
    inner: BufReader<R>,
    ring: &'a Ring<LiveFrame>,
    timeout: Duration,
}

impl<'a, R: Read> Patient<'a, R> {
    pub(super) fn new(inner: R, ring: &'a Ring<LiveFrame>, timeout: Duration) -> Self {
        Self {
            inner: BufReader::with_capacity(1 << 16, inner),
            ring,
            timeout,
        }
    }

    pub(super) fn get_ref(&self) -> &R {
        self.inner.get_ref()
    }

    pub(super) fn into_inner(self) -> R {
        self.inner.into_inner()
    }
}

impl<R: Read> Read for Patient<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (ring, timeout, inner) = (self.ring, self.timeout, &mut self.inner);
        patiently(ring, timeout, || inner.read(buffer))
    }
}

impl<R: Read> BufRead for Patient<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let (ring, timeout) = (self.ring, self.timeout);
        let inner = &mut self.inner;
        patiently(ring, timeout, || inner.fill_buf().map(drop))?;
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
    }
}
