use super::RecogniseError;
use crate::engine::bound_libtorch_threads;

/// Bounds the threads of this process, rayon's (which decode pictures) and libtorch's, and returns their number: `asked_for`,
/// or one per core. Call it at most once, before the first clip is decoded.
///
/// # Errors
/// [`RecogniseError::Threads`] when rayon's threads have been started already.
pub fn use_threads(asked_for: Option<usize>) -> Result<usize, RecogniseError> {
    let threads = threads_or_cores(asked_for);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(RecogniseError::Threads)?;
    if asked_for.is_some() {
        bound_libtorch_threads(threads);
    }
    Ok(threads)
}

/// Most clips that are loaded at the same time: more would only wait for each other.
pub const MAX_WORKERS: usize = 8;

/// How many clips are loaded at the same time with so many threads, if there are as many.
pub fn workers(threads: Option<usize>) -> usize {
    threads_or_cores(threads).min(MAX_WORKERS)
}

/// The number asked for, else one per core.
pub(super) fn threads_or_cores(asked_for: Option<usize>) -> usize {
    asked_for
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
        .max(1)
}
