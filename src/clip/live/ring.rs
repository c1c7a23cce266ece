//! A bounded queue between a source and its reader.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clip::error::Result;

/// Wakes the reader of several rings.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<u64>,
    changed: Condvar,
}

impl Bell {
    /// Wakes whoever waits.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    /// How often it has rung.
    pub fn rung(&self) -> u64 {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it has rung more than `heard` times, but at most for `patience`.
    pub fn wait(&self, heard: u64, patience: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        // A poisoned lock guards a number that is sound.
        drop(
            self.changed
                .wait_timeout_while(rung, patience, |rung| *rung == heard),
        );
    }
}

/// What a reader finds in a ring.
#[derive(Debug)]
pub enum Taken<T> {
    /// The oldest item that waits.
    Item(T),
    /// Nothing yet.
    Nothing,
    /// Nothing, and nothing will come: the source has ended, well or not. Told once; later there is nothing.
    End(Result<()>),
}

/// A queue of at most `capacity` items.
#[derive(Debug)]
pub struct Ring<T> {
    state: Mutex<State<T>>,
    has_room: Condvar,
    bell: Arc<Bell>,
    capacity: usize,
    drops_oldest: bool,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    dropped: u64,
    notes: Vec<String>,
    end: Option<Result<()>>,
    is_closed: bool,
}

impl<T> Ring<T> {
    /// An empty ring. When it is full, the oldest item makes room, or the writer waits.
    pub fn new(capacity: usize, drops_oldest: bool, bell: Arc<Bell>) -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                dropped: 0,
                notes: Vec::new(),
                end: None,
                is_closed: false,
            }),
            has_room: Condvar::new(),
            bell,
            capacity: capacity.max(1),
            drops_oldest,
        }
    }

    /// Adds an item. Returns whether there is a reader that wants more.
    pub fn push(&self, item: T) -> bool {
        let mut state = self.lock();
        if self.drops_oldest && state.items.len() == self.capacity {
            state.items.pop_front();
            state.dropped += 1;
        }
        while !state.is_closed && state.items.len() == self.capacity {
            let waited = self.has_room.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_closed {
            return false;
        }
        state.items.push_back(item);
        drop(state);
        self.bell.ring();
        true
    }

    /// Takes the oldest item, or says that there is none.
    pub fn take(&self) -> Taken<T> {
        let mut state = self.lock();
        if let Some(item) = state.items.pop_front() {
            self.has_room.notify_all();
            return Taken::Item(item);
        }
        match state.end.take() {
            Some(end) => Taken::End(end),
            None => Taken::Nothing,
        }
    }

    /// How many items have been dropped so far.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Leaves a line for the user.
    pub(super) fn note(&self, text: String) {
        self.lock().notes.push(text);
        self.bell.ring();
    }

    /// The lines for the user since the last call.
    pub fn notes(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().notes)
    }

    /// The writer has nothing more.
    pub(super) fn end(&self, end: Result<()>) {
        self.lock().end = Some(end);
        self.bell.ring();
    }

    /// The reader wants nothing more.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.has_room.notify_all();
    }

    /// Whether the reader wants nothing more.
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Sleeps, but not beyond the time when the reader wants nothing more. Returns whether it still does.
    pub(super) fn sleep(&self, duration: Duration) -> bool {
        let state = self.lock();
        let waited = self
            .has_room
            .wait_timeout_while(state, duration, |state| !state.is_closed);
        !waited.unwrap_or_else(PoisonError::into_inner).0.is_closed
    }

    /// Every change leaves the state sound.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;

    fn all(ring: &Ring<u32>) -> Vec<u32> {
        let next = || match ring.take() {
            Taken::Item(item) => Some(item),
            _ => None,
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn the_oldest_makes_room_and_is_counted() {
        let ring = Ring::new(3, true, Arc::default());
        (0..10).for_each(|item| assert!(ring.push(item)));
        assert_eq!((all(&ring), ring.dropped()), (vec![7, 8, 9], 7));
    }

    #[test]
    fn a_writer_that_drops_nothing_waits_for_room() {
        let ring = Ring::new(3, false, Arc::default());
        let found = thread::scope(|scope| {
            scope.spawn(|| (0..100).all(|item| ring.push(item)));
            let mut found = Vec::new();
            while found.len() < 100 {
                found.extend(all(&ring));
            }
            found
        });
        assert_eq!(found, (0..100).collect::<Vec<u32>>());
        assert_eq!(ring.dropped(), 0);
    }

    #[test]
    fn a_closed_ring_lets_its_writer_go() {
        let ring = Ring::new(1, false, Arc::default());
        thread::scope(|scope| {
            let writer = scope.spawn(|| (0..3).take_while(|item| ring.push(*item)).count());
            thread::sleep(Duration::from_millis(20));
            ring.close();
            assert_eq!(writer.join().unwrap(), 1);
        });
        let started = Instant::now();
        assert!(!ring.sleep(Duration::from_secs(10)));
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn the_end_comes_after_the_last_item_and_once() {
        let ring = Ring::new(3, true, Arc::default());
        ring.push(1);
        ring.end(Ok(()));
        assert!(matches!(ring.take(), Taken::Item(1)));
        assert!(matches!(ring.take(), Taken::End(Ok(()))));
        assert!(matches!(ring.take(), Taken::Nothing));
    }

    #[test]
    fn a_bell_that_rang_before_is_not_waited_for() {
        let bell = Bell::default();
        let heard = bell.rung();
        bell.ring();
        let started = Instant::now();
        bell.wait(heard, Duration::from_secs(10));
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}
