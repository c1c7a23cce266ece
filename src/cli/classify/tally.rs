//! How many clips were answered, and how long it took.

use std::time::Duration;

use anyhow::anyhow;

use super::batcher::Answered;
use super::interrupt;
use crate::cli::{Failure, say};
use crate::recognise::Row;

/// How the clips fared.
#[derive(Default)]
pub struct Tally {
    rows: usize,
    failed: usize,
    /// The first clip that failed, with its error.
    first: Option<String>,
    decode: Duration,
    forward: Duration,
}

impl Tally {
    /// Counts an answer.
    pub fn add(&mut self, answered: &Answered, row: &Row) {
        self.rows += 1;
        if let Ok((loaded, answer)) = &answered.outcome {
            self.decode += loaded.elapsed;
            self.forward += answer.forward;
        }
        if let Row::Failed(failure) = row {
            self.failed += 1;
            self.first.get_or_insert_with(|| failure.error.clone());
        }
    }

    /// Says on standard error where the time went.
    pub fn explain(&self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        let rate = self.rows as f64 / seconds;
        say(format_args!(
            "eco: answers: {} in {seconds:.2} s, {rate:.2} per second (network {:.2} s, decoding {:.2} s)",
            self.rows,
            self.forward.as_secs_f64(),
            self.decode.as_secs_f64()
        ));
    }

    /// A failure when a clip failed, or when the work was interrupted.
    pub fn verdict(&self) -> Result<(), Failure> {
        if interrupt::asked() {
            let message = anyhow!("interrupted; answers given: {}", self.rows);
            return Err(Failure::with_code(interrupt::INTERRUPTED, message));
        }
        match (&self.first, self.rows) {
            (None, 0) => Err(anyhow!("no clips: the input names none").into()),
            (None, _) => Ok(()),
            (Some(error), 1) => Err(anyhow!("{error}").into()),
            (Some(error), rows) => {
                let message = format!("{} of {rows} failed; the first: {error}", self.failed);
                Err(anyhow!(message).into())
            }
        }
    }
}
