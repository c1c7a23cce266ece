//! Who computes when, so that decoding and the network together use no more threads than each may.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How decoding and the network share the processor. Clones share one decision.
#[derive(Clone, Debug, Default)]
pub struct Turns(Option<Arc<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    /// Held for writing by the network, for reading by every frame that is being decoded.
    turn: RwLock<()>,
    network: Mutex<NetworkTime>,
}

/// How long the network has had the turn.
#[derive(Debug, Default, Clone, Copy)]
struct NetworkTime {
    before: Duration,
    running_since: Option<Instant>,
}

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
        let Some(shared) = &self.0 else {
            return run();
        };
        // The lock guards no data that a panic could have left half changed.
        let _turn = shared.turn.write().unwrap_or_else(PoisonError::into_inner);
        shared.time(|time| time.running_since = Some(Instant::now()));
        let done = run();
        shared.time(|time| {
            *time = NetworkTime {
                before: time.total(),
                running_since: None,
            }
        });
        done
    }

    /// Decodes a frame, when the network is not running.
    pub(super) fn decode<R>(&self, work: impl FnOnce() -> R) -> R {
        let shared = self.0.as_deref();
        let _turn = shared.map(|shared| shared.turn.read().unwrap_or_else(PoisonError::into_inner));
        work()
    }

    /// Starts to measure how long loading takes.
    pub(super) fn stopwatch(&self) -> Stopwatch<'_> {
        Stopwatch {
            turns: self,
            started: Instant::now(),
            network: self.network_time(),
        }
    }

    fn network_time(&self) -> Duration {
        let shared = self.0.as_deref();
        shared.map_or(Duration::ZERO, |shared| shared.time(|time| time.total()))
    }
}

impl Shared {
    fn time<R>(&self, work: impl FnOnce(&mut NetworkTime) -> R) -> R {
        // Two numbers that every change leaves sound.
        work(&mut self.network.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl NetworkTime {
    fn total(self) -> Duration {
        self.before
            + self
                .running_since
                .map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// Measures time, but for the network's turns: waiting for them is not loading.
pub(super) struct Stopwatch<'a> {
    turns: &'a Turns,
    started: Instant,
    network: Duration,
}

impl Stopwatch<'_> {
    /// The time since the start in which it was not the network's turn.
    pub(super) fn elapsed(&self) -> Duration {
        let network = self.turns.network_time() - self.network;
        self.started.elapsed().saturating_sub(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

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

    #[test]
    fn the_networks_turns_are_no_time_of_loading() {
        let turns = Turns::alternating();
        let stopwatch = turns.stopwatch();
        let run = || thread::sleep(Duration::from_millis(200));
        turns.network(run);
        thread::scope(|scope| {
            scope.spawn(|| turns.network(run));
            thread::sleep(Duration::from_millis(100));
            // Measured while the network is running.
            assert!(stopwatch.elapsed() < Duration::from_millis(100));
        });
        let without_turns = Turns::beside();
        let stopwatch = without_turns.stopwatch();
        without_turns.network(run);
        assert!(stopwatch.elapsed() >= Duration::from_millis(200));
    }
}
