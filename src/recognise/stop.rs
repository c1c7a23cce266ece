use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A request to end a run early. Clones share their state, so that another thread or a signal handler can make it.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends the runs that were given this value: no further clip is taken; answers that are complete are still handed out.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the request was made.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// For signal handlers, which set the flag directly.
impl From<Arc<AtomicBool>> for Stop {
    fn from(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }
}
