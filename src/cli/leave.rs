//! The end of the process.

#![allow(unsafe_code, reason = "a system call")]

use std::io::{self, Write};

/// Ends the process with this exit code.
///
/// libtorch takes its tables of operators apart when a process ends, which takes a third as long as loading it and does nothing
/// for anybody: the system takes back all memory at once. So what C++ registered for the end is left out where libtorch is in
/// the program. Files and children have been closed by whoever opened them.
pub(super) fn leave(code: i32) -> ! {
    // What stands in the buffer was not asked to be there by now: commands flush what they write and report what fails.
    let _ = io::stdout().flush();
    #[cfg(all(feature = "libtorch", unix))]
    // SAFETY: ends the process; nothing runs afterwards.
    unsafe {
        libc::_exit(code)
    }
    #[cfg(not(all(feature = "libtorch", unix)))]
    std::process::exit(code)
}
