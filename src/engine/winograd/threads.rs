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
    /// Every thread of the pool that the calling thread belongs to.
    All,
}

impl Crew {
    /// How many threads these are.
    pub fn threads(self) -> usize {
        match self {
            Self::Alone => 1,
            Self::All => rayon::current_num_threads(),
        }
    }

    /// Runs `task` for every cell of a grid, each once, in any order. Alone that is one call. A crew takes row by row, and
    /// cuts rows into ranges of columns where there are too few for all to be busy to the end.
    pub fn grid(
        self,
        [rows, columns]: [usize; 2],
        task: impl Fn(Range<usize>, Range<usize>) + Sync + Send,
    ) {
        let threads = self.threads();
        if threads == 1 {
            return task(0..rows, 0..columns);
        }
        let parts = (threads * TASKS_PER_THREAD).div_ceil(rows.max(1));
        let parts = parts.clamp(1, columns.max(1));
        let tasks = (0..rows * parts).into_par_iter().with_max_len(1);
        tasks.for_each(|i| {
            let row = i / parts;
            task(row..row + 1, share(columns, i % parts, parts));
        });
    }

    /// Runs `task` for every `size` floats of `data`, each once, in any order.
    pub fn chunks(
        self,
        data: &mut [f32],
        size: usize,
        task: impl Fn(usize, &mut [f32]) + Sync + Send,
    ) {
        if self == Self::Alone {
            return data
                .chunks_mut(size)
                .enumerate()
                .for_each(|(i, part)| task(i, part));
        }
        let chunks = data.par_chunks_mut(size).enumerate().with_max_len(1);
        chunks.for_each(|(i, part)| task(i, part));
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

impl<T> FromIterator<T> for PerThread<T> {
    fn from_iter<I: IntoIterator<Item = T>>(each: I) -> Self {
        Self(each.into_iter().map(Mutex::new).collect())
    }
}

impl<T> PerThread<T> {
    /// Lends the calling thread its own. Must not be nested.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // Who works alone may have the only one.
        let mine = &self.0[rayon::current_thread_index().unwrap_or(0) % self.0.len()];
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
