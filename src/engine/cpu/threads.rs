//! Threads: who shares a loop, and what each thread has for itself.

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

    /// Runs `task` for every cell of a grid, each once, in any order: in one call for one thread. Several threads take the
    /// grid row by row; rows are cut into ranges of columns where there are too few to keep all threads busy to the end.
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
        let task = |(i, part): (usize, &mut [f32])| task(i, part);
        match self {
            Self::Alone => data.chunks_mut(size).enumerate().for_each(task),
            Self::All => {
                let chunks = data.par_chunks_mut(size).enumerate();
                chunks.with_max_len(1).for_each(task);
            }
        }
    }
}

/// Part `part` of `count` things that are cut into `parts` as evenly as possible.
#[inline(always)]
pub fn share(count: usize, part: usize, parts: usize) -> Range<usize> {
    part * count / parts..(part + 1) * count / parts
}

/// Tasks per thread below which work is cut finer: enough for fast threads to take over from slow ones.
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
        // A crew of one has a single one, whichever thread of the pool it is.
        let mine = &self.0[rayon::current_thread_index().unwrap_or(0) % self.0.len()];
        // Working memory carries nothing from one task to the next: after a panic it is as good as new.
        work(&mut mine.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Starts a pool of `threads` threads.
///
/// # Errors
/// When the system starts no more threads.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    let builder = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("network-{i}"));
    builder.build()
}
