//! Signals that end the work. The current answer is completed first, so that files and lists end properly.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[cfg(unix)]
use signal_hook::consts::SIGHUP;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::recognise::Stop;

/// Ctrl-C, `kill`, and a terminal that is closed.
#[cfg(unix)]
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];
#[cfg(not(unix))]
const ENDING: [i32; 2] = [SIGINT, SIGTERM];

/// Whether a signal asked the work to end, and which.
#[derive(Default)]
pub(super) struct Signals {
    asked: Arc<AtomicBool>,
    /// Number of the signal; 0 until one arrives.
    number: Arc<AtomicUsize>,
}

impl Signals {
    /// Installs the handlers: the first signal stops after the current clip, the second exits at once.
    ///
    /// # Errors
    /// What the system reports.
    pub(super) fn watch() -> io::Result<Self> {
        let signals = Self::default();
        for signal in ENDING {
            let code = i32::from(exit_code(signal as usize));
            flag::register_conditional_shutdown(signal, code, Arc::clone(&signals.asked))?;
            flag::register_usize(signal, Arc::clone(&signals.number), signal as usize)?;
            flag::register(signal, Arc::clone(&signals.asked))?;
        }
        Ok(signals)
    }

    /// Is asked when a signal arrives.
    pub(super) fn stop(&self) -> Stop {
        Arc::clone(&self.asked).into()
    }

    /// The exit code of a program that was ended by this signal; `None` until one arrives.
    pub(super) fn exit_code(&self) -> Option<u8> {
        match self.number.load(Ordering::Relaxed) {
            0 => None,
            number => Some(exit_code(number)),
        }
    }
}

/// The convention of shells: 130 after Ctrl-C, 143 after `kill`.
fn exit_code(signal: usize) -> u8 {
    128_u8.saturating_add(u8::try_from(signal).unwrap_or(u8::MAX))
}
