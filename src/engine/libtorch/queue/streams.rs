//! Streams of a GPU, on which work is done in order, and events, by which one stream or the CPU waits for another.

use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::time::Duration;

use tch::Tensor;

use crate::engine::error::{Error, Result};

// Defined in streams.cpp, which build.rs compiles.
unsafe extern "C" {
    fn eco_forget(text: *mut c_char);
    fn eco_stream_new(index: i32, id: *mut i64) -> *mut c_char;
    fn eco_stream_enter(index: i32, id: i64, guard: *mut *mut c_void) -> *mut c_char;
    fn eco_stream_leave(guard: *mut c_void);
    safe fn eco_device_wait(index: i32) -> *mut c_char;
    safe fn eco_give_back_memory() -> *mut c_char;
    fn eco_pin(tensor: *const c_void, pinned: *mut *mut c_void) -> *mut c_char;
    safe fn eco_event_new() -> *mut c_void;
    fn eco_event_delete(event: *mut c_void);
    fn eco_event_record(event: *mut c_void, index: i32, id: i64) -> *mut c_char;
    fn eco_event_block(event: *const c_void, index: i32, id: i64) -> *mut c_char;
    fn eco_event_wait(event: *const c_void) -> *mut c_char;
    fn eco_event_happened(event: *const c_void, happened: *mut bool) -> *mut c_char;
    fn eco_event_milliseconds(
        from: *const c_void,
        to: *const c_void,
        milliseconds: *mut f64,
    ) -> *mut c_char;
    fn eco_copy_begin(from: *const c_void, to: *mut c_void) -> *mut c_char;
}

/// What a function of the C++ files returned, as an error unless it is null.
pub(super) fn check(failure: *mut c_char) -> Result<()> {
    if failure.is_null() {
        return Ok(());
    }
    // SAFETY: what is not null is a text that ends with 0, made by `strdup` for this caller alone.
    let text = unsafe {
        let text = CStr::from_ptr(failure).to_string_lossy().into_owned();
        eco_forget(failure);
        text
    };
    Err(Error::of_libtorch(&text))
}

/// A stream of a GPU. libtorch has a fixed number of them and keeps them all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    index: i32,
    id: i64,
}

impl Stream {
    /// One that is not the default one.
    pub(super) fn new(index: usize) -> Result<Self> {
        let (index, mut id) = (index as i32, 0);
        // SAFETY: it writes one integer.
        check(unsafe { eco_stream_new(index, &mut id) })?;
        Ok(Self { index, id })
    }

    /// What this thread asks of the GPU is done on this stream, until the guard is dropped.
    pub(super) fn enter(self) -> Result<Entered> {
        let mut guard = ptr::null_mut();
        // SAFETY: the stream is one that libtorch has made; it writes one pointer.
        check(unsafe { eco_stream_enter(self.index, self.id, &mut guard) })?;
        Ok(Entered {
            guard,
            thread: PhantomData,
        })
    }

    /// Waits until the GPU has done all that it was asked for on any stream.
    pub(super) fn wait_for_all(self) -> Result<()> {
        check(eco_device_wait(self.index))
    }
}

/// This thread uses a stream as long as this lives. It stays on its thread.
pub(super) struct Entered {
    guard: *mut c_void,
    thread: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // SAFETY: it was entered on this thread (a pointer is not sent to another), and is left once.
        unsafe { eco_stream_leave(self.guard) }
    }
}

/// A moment in a stream.
#[derive(Debug)]
pub(super) struct Event(*mut c_void);

impl Event {
    pub(super) fn new() -> Self {
        Self(eco_event_new())
    }

    /// It happens when `stream` has done what it was asked for so far.
    pub(super) fn record(&mut self, stream: Stream) -> Result<()> {
        // SAFETY: the event lives; the stream is one that libtorch has made. So below.
        check(unsafe { eco_event_record(self.0, stream.index, stream.id) })
    }

    /// `stream` does nothing more before it has happened.
    pub(super) fn block(&self, stream: Stream) -> Result<()> {
        // SAFETY: see `record`.
        check(unsafe { eco_event_block(self.0, stream.index, stream.id) })
    }

    /// Waits on the CPU until it has happened.
    pub(super) fn wait(&self) -> Result<()> {
        // SAFETY: see `record`.
        check(unsafe { eco_event_wait(self.0) })
    }

    pub(super) fn has_happened(&self) -> Result<bool> {
        let mut happened = false;
        // SAFETY: see `record`; it writes one value.
        check(unsafe { eco_event_happened(self.0, &mut happened) })?;
        Ok(happened)
    }

    /// The time from another one to this one. Both must have happened.
    pub(super) fn since(&self, from: &Self) -> Result<Duration> {
        let mut milliseconds = 0.0;
        // SAFETY: see `record`; it writes one value.
        check(unsafe { eco_event_milliseconds(from.0, self.0, &mut milliseconds) })?;
        Ok(Duration::from_secs_f64(milliseconds.max(0.0) / 1e3))
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: it is made by `new`, and dropped once.
        unsafe { eco_event_delete(self.0) }
    }
}

/// Gives memory of the GPU back that libtorch keeps for tensors to come.
pub(super) fn give_back_memory() -> Result<()> {
    check(eco_give_back_memory())
}

/// A tensor like this one on the CPU, in memory that the GPU reads and writes by itself.
pub(super) fn pinned(tensor: &Tensor) -> Result<Tensor> {
    let mut pinned = ptr::null_mut();
    // SAFETY: the tensor lives; it writes one pointer.
    check(unsafe { eco_pin(tensor.as_ptr().cast(), &mut pinned) })?;
    // SAFETY: a tensor of libtorch, made for this caller alone.
    Ok(unsafe { Tensor::from_ptr(pinned.cast()) })
}

/// Begins to copy values of a tensor to another of that shape, on this thread's stream. Where the CPU's side lies in pinned
/// memory, the CPU does not wait.
pub(super) fn copy(from: &Tensor, to: &mut Tensor) -> Result<()> {
    // SAFETY: both are tensors of libtorch that live.
    check(unsafe { eco_copy_begin(from.as_ptr().cast(), to.as_mut_ptr().cast()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_copied_and_other_shapes_are_an_error() {
        let from = Tensor::from_slice(&[1_u8, 2, 3]);
        let mut to = Tensor::from_slice(&[0_u8; 3]);
        copy(&from, &mut to).unwrap();
        assert_eq!(Vec::<u8>::try_from(to).unwrap(), [1, 2, 3]);
        let error = copy(&from, &mut Tensor::from_slice(&[0_u8; 2])).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("size") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn memory_is_pinned_where_there_is_a_gpu_for_it() {
        let tensor = Tensor::from_slice(&[1_u8, 2, 3]);
        match pinned(&tensor) {
            Ok(pinned) => assert_eq!(Vec::<u8>::try_from(pinned).unwrap(), [1, 2, 3]),
            Err(error) => assert!(!tch::Cuda::is_available(), "{error}"),
        }
    }

    /// Where there is no GPU, a stream is an error, not an end of the process.
    #[test]
    fn what_libtorch_throws_is_an_error() {
        let Err(error) = Stream::new(99) else {
            panic!("there is no GPU of that number");
        };
        assert!(!error.to_string().is_empty());
    }
}
