//! What the allocator does with memory that is not used any more.

/// Lets glibc's allocator keep freed memory for later, for the whole process. A step frees and takes the same large blocks
/// again and again; each one that went back to the system comes back as pages of zeros, which takes up to 15 % of a step's time.
/// Elsewhere this does nothing.
pub fn keep_freed_memory() {
    #[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
    // SAFETY: it sets two numbers of the allocator, which may be done at any time.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}
