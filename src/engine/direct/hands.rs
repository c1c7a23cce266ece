//! Who works on a layer, each with working memory of its own.

use crate::engine::cpu::threads::PerThread;
use rayon::prelude::*;

/// One thread, or all threads of the pool that the calling thread belongs to.
pub(super) enum Hands<'a, T> {
    /// The calling thread, with this memory.
    Alone(&'a mut T),
    /// All threads, each with its own.
    All(&'a PerThread<T>),
}

impl<T: Send> Hands<'_, T> {
    /// How many threads these are.
    pub(super) fn threads(&self) -> usize {
        match self {
            Self::Alone(_) => 1,
            Self::All(_) => rayon::current_num_threads(),
        }
    }

    /// Runs `task` for every number below `count`, each once. Several threads take them in any order; a thread goes on with the
    /// next one as long as no other thread takes it.
    pub(super) fn each(&mut self, count: usize, task: impl Fn(usize, &mut T) + Sync + Send) {
        match self {
            Self::Alone(memory) => (0..count).for_each(|i| task(i, memory)),
            Self::All(each) => (0..count)
                .into_par_iter()
                .with_max_len(1)
                .for_each(|i| each.with(|memory| task(i, memory))),
        }
    }
}
