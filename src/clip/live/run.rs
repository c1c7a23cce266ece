//! A source that runs.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::options::{Kind, LiveOptions};
use super::ring::{Bell, Ring, Taken};
use super::sink::{LiveFrame, Sink};
use super::source::Source;
use super::{file, follow, raw, stream};
use crate::clip::error::{ClipError, Result};

/// A source that runs on a thread of its own. It ends when this is dropped.
#[derive(Debug)]
pub struct Live {
    source: Source,
    kind: Kind,
    ring: Arc<Ring<LiveFrame>>,
    thread: Option<JoinHandle<()>>,
}

impl Live {
    /// Starts a source, which rings `bell` whenever it has something.
    pub fn start(source: Source, options: LiveOptions, bell: Arc<Bell>) -> Self {
        let drops = options.drops_oldest(&source);
        let ring = Arc::new(Ring::new(options.capacity, drops, bell));
        let kind = options.kind(&source);
        let thread = {
            let (ring, source) = (Arc::clone(&ring), source.clone());
            thread::spawn(move || {
                // A panic ends this source with an error, not the program in silence.
                let work = || run(&source, &mut Sink::new(&ring, &options));
                let panicked = |_| {
                    Err(ClipError::Panicked {
                        path: source.path(),
                    })
                };
                let end = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked);
                ring.end(end);
            })
        };
        Self {
            source,
            kind,
            ring,
            thread: Some(thread),
        }
    }

    /// What was started.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Whether its frames come by the clock.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The next frame, if it is there.
    pub fn take(&self) -> Taken<LiveFrame> {
        self.ring.take()
    }

    /// Frames that were dropped so far.
    pub fn dropped(&self) -> u64 {
        self.ring.dropped()
    }

    /// What there is to tell the user since the last call.
    pub fn notes(&self) -> Vec<String> {
        self.ring.notes()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.ring.close();
        if let Some(thread) = self.thread.take() {
            // It has caught its panics.
            let _ = thread.join();
        }
    }
}

fn run(source: &Source, sink: &mut Sink<'_>) -> Result<()> {
    match (source, sink.options.raw) {
        (Source::Path(path), _) if sink.options.follow && path.is_dir() => follow::run(path, sink),
        (Source::Path(path), _) => file::run(path, sink),
        (Source::Stdin, Some(size)) => raw::run(io::stdin(), size, source, sink),
        _ => stream::run(source, sink),
    }
}
