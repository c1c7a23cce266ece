//! Ctrl-C ends the work after the clip at hand, so that what was written is complete.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

/// Exit code of programs that Ctrl-C ended.
pub const INTERRUPTED: u8 = 130;

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C asks the work to end; a second one ends the program at once.
pub fn watch() {
    let handler = || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
    };
    // Without a handler Ctrl-C ends the program as it always does: nothing is lost but a closing bracket.
    let _ = ctrlc::set_handler(handler);
}

/// Whether Ctrl-C was pressed.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Iterates over `items` until Ctrl-C is pressed, also while it waits for the next one.
pub fn until_asked<T: Send + 'static>(
    items: impl Iterator<Item = T> + Send + 'static,
) -> impl Iterator<Item = T> {
    const LOOK: Duration = Duration::from_millis(50);
    let (sender, receiver) = sync_channel(0);
    thread::spawn(move || {
        for item in items {
            if sender.send(item).is_err() {
                return;
            }
        }
    });
    let next = move |receiver: &Receiver<T>| {
        loop {
            if asked() {
                return None;
            }
            match receiver.recv_timeout(LOOK) {
                Ok(item) => return Some(item),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    };
    std::iter::from_fn(move || next(&receiver))
}
