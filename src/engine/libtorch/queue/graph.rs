//! CUDA graphs: what a stream was asked for once, asked for again with one call.

use std::ffi::{c_char, c_void};
use std::ptr;

use super::streams::check;
use crate::engine::error::Result;

// Defined in graph.cpp, which build.rs compiles.
unsafe extern "C" {
    fn eco_graph_new(graph: *mut *mut c_void) -> *mut c_char;
    fn eco_graph_delete(graph: *mut c_void);
    fn eco_graph_begin(graph: *mut c_void) -> *mut c_char;
    fn eco_graph_end(graph: *mut c_void) -> *mut c_char;
    fn eco_graph_replay(graph: *mut c_void) -> *mut c_char;
}

/// Work of a GPU that can be repeated on the same memory.
#[derive(Debug)]
pub(super) struct Graph(*mut c_void);

impl Graph {
    /// Takes down what `work` asks of the GPU on this thread's stream, which must not be the default one; nothing of it is done
    /// yet. Memory that `work` allocates stays the graph's own. Tensors that it returns have their values after
    /// [`Graph::replay`].
    ///
    /// # Errors
    /// Those of `work`, which must not wait for the GPU, and what libtorch reports.
    pub(super) fn record<T>(work: impl FnOnce() -> Result<T>) -> Result<(Self, T)> {
        let mut graph = ptr::null_mut();
        // SAFETY: it writes one pointer.
        check(unsafe { eco_graph_new(&mut graph) })?;
        let graph = Self(graph);
        // SAFETY: the graph lives, here and below.
        check(unsafe { eco_graph_begin(graph.0) })?;
        let done = work();
        // Whatever has become of the work: the stream must not go on taking things down.
        // SAFETY: see above.
        let ended = check(unsafe { eco_graph_end(graph.0) });
        let done = done?;
        ended?;
        Ok((graph, done))
    }

    /// Asks this thread's stream for all of it again.
    pub(super) fn replay(&self) -> Result<()> {
        // SAFETY: the graph lives.
        check(unsafe { eco_graph_replay(self.0) })
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: it is made by `record`, and dropped once.
        unsafe { eco_graph_delete(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where there is no GPU, a graph is an error, not an end of the process.
    #[test]
    fn what_libtorch_throws_is_an_error() {
        if tch::Cuda::is_available() {
            return;
        }
        let Err(error) = Graph::record(|| Ok(())) else {
            panic!("there is no GPU");
        };
        assert!(!error.to_string().is_empty());
    }
}
