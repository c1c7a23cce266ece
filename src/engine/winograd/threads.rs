//! Threads: the engine's own pool, and who shares a loop.

use super::Error;
use rayon::ThreadPool;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Who works on a loop.
#[derive(Clone, Copy, PartialEq)]
pub enum Crew {
    /// The calling thread.
    Alone,
    /// Every thread of the pool, this many.
    All(usize),
}

impl Crew {
    /// Runs `task(0..count)`, each index once, in any order.
    pub fn each(self, count: usize, task: impl Fn(usize) + Sync + Send) {
        match self {
            Self::All(threads) if threads > 1 && count > 1 => {
                (0..count).into_par_iter().with_max_len(1).for_each(task);
            }
            _ => (0..count).for_each(task),
        }
    }

    /// Into how many parts each of `count` pieces of work is cut so that every thread gets some; at most `limit`.
    pub fn parts(self, count: usize, limit: usize) -> usize {
        match self {
            Self::Alone => 1,
            Self::All(threads) => (threads * TASKS_PER_THREAD)
                .div_ceil(count.max(1))
                .clamp(1, limit.max(1)),
        }
    }
}

/// Part `part` of `count` things cut into `parts` as evenly as whole things can be.
#[inline(always)]
pub fn share(count: usize, part: usize, parts: usize) -> Range<usize> {
    part * count / parts..(part + 1) * count / parts
}

/// Tasks per thread below which work is cut finer: enough for the fast threads to take over from the slow ones.
const TASKS_PER_THREAD: usize = 4;

/// Something each thread has one of.
pub struct PerThread<T>(Vec<Mutex<T>>);

impl<T: Default> PerThread<T> {
    /// One for each of `threads`.
    pub fn new(threads: usize) -> Self {
        Self((0..threads).map(|_| Mutex::default()).collect())
    }

    /// Lends the calling thread its own. Must not be nested.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mine = &self.0[rayon::current_thread_index().unwrap_or(0)];
        // Working memory carries nothing from one task to the next: what a panic left behind is as good as new.
        work(&mut mine.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Starts a pool of `threads` threads.
///
/// # Errors
/// When the system starts no more threads.
pub fn pool(threads: usize) -> Result<ThreadPool, Error> {
    let builder = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("winograd-{i}"));
    builder.build().map_err(|e| Error::Threads(e.to_string()))
}
