//! Who computes when, so that decoding and the network together use no more threads than each may.

use std::sync::{Arc, PoisonError, RwLock};

/// How decoding and the network share the processor. Clones share one decision.
#[derive(Clone, Debug, Default)]
pub struct Turns(Option<Arc<RwLock<()>>>);

impl Turns {
    /// Both compute at any time: for a network on a GPU.
    pub fn beside() -> Self {
        Self(None)
    }

    /// While the network runs, no frame is decoded, so that both can have every thread there is. Files are still read, and
    /// ffmpeg may finish the frame it is at.
    pub fn alternating() -> Self {
        Self(Some(Arc::default()))
    }

    /// Runs the network, when the frames that are being decoded are done.
    pub fn network<R>(&self, run: impl FnOnce() -> R) -> R {
        // The lock guards no data that a panic could have left half changed.
        let lock = self.0.as_deref();
        let _turn = lock.map(|lock| lock.write().unwrap_or_else(PoisonError::into_inner));
        run()
    }

    /// Decodes a frame, when the network is not running.
    pub(super) fn decode<R>(&self, work: impl FnOnce() -> R) -> R {
        let lock = self.0.as_deref();
        let _turn = lock.map(|lock| lock.read().unwrap_or_else(PoisonError::into_inner));
        work()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    /// The most frames that were being decoded while the network ran.
    fn frames_beside_the_network(turns: &Turns) -> usize {
        let decoding = AtomicUsize::new(0);
        let frame = || {
            decoding.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(5));
            decoding.fetch_sub(1, Ordering::SeqCst);
        };
        let run = |_| {
            turns.network(|| {
                thread::sleep(Duration::from_millis(10));
                decoding.load(Ordering::SeqCst)
            })
        };
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..20).for_each(|_| turns.decode(frame)));
            }
            (0..5).map(run).max().unwrap_or(0)
        })
    }

    #[test]
    fn alternating_never_decodes_while_the_network_runs() {
        assert_eq!(frames_beside_the_network(&Turns::alternating()), 0);
        assert!(frames_beside_the_network(&Turns::beside()) > 0);
    }
}
