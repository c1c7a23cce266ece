use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends a run early. Clones share one state, so that another thread or a signal handler can ask.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks the runs that were given this value to end: no further clip is taken, and answers that are complete are still
    /// handed out.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a run was asked to end.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// For signal handlers, which set the flag themselves.
impl From<Arc<AtomicBool>> for Stop {
    fn from(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }
}
