//! What keeps a file from doing harm to the machine, and this process from outliving `eco`.

use std::os::unix::process::parent_id;
use std::thread;
use std::time::Duration;

/// Most address space, in bytes: the largest frames that are decoded, 16 of them waiting, and room for the libraries.
const MAX_MEMORY: libc::rlim_t = 8 << 30;

/// How often is looked whether `eco` still runs.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Bounds memory, leaves Ctrl-C to `eco`, and ends this process when `eco` has ended.
pub(crate) fn set_up() {
    let limit = libc::rlimit {
        rlim_cur: MAX_MEMORY,
        rlim_max: MAX_MEMORY,
    };
    // SAFETY: the limit lives as long as the call, and SIG_IGN is a valid handler.
    unsafe {
        // A lower limit that is set already stays, since raising it fails.
        libc::setrlimit(libc::RLIMIT_AS, &raw const limit);
        libc::signal(libc::SIGINT, libc::SIG_IGN);
    }
    let parent = parent_id();
    // Decoding may hang, so that this process does not see its input end.
    thread::spawn(move || {
        while parent_id() == parent {
            thread::sleep(HEARTBEAT);
        }
        std::process::exit(1);
    });
}
