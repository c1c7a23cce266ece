//! How many clips were answered, and how long it took.

use std::time::Duration;

use anyhow::anyhow;

use super::args::FailWhen;
use crate::cli::exit::Failure;
use crate::cli::times::Times;
use crate::recognise::{Answer, Row};

/// Counts answers and failures, and sums up times.
#[derive(Default)]
pub(super) struct Tally {
    rows: usize,
    failed: usize,
    clips: usize,
    /// The first clip that failed, with its error.
    first: Option<String>,
    times: Times,
}

impl Tally {
    /// Counts an answer, which `row` shows.
    pub(super) fn add(&mut self, answer: &Answer, row: &Row) {
        self.rows += 1;
        let (place, answers) = answer.outcome.place();
        self.clips = answer.clip + usize::from(place + 1 == answers);
        self.times.add(answer);
        if let Row::Failed(failure) = row {
            self.failed += 1;
            self.first.get_or_insert_with(|| failure.error.clone());
        }
    }

    /// Clips that are done: all of their windows have an answer or a failure.
    pub(super) fn clips(&self) -> usize {
        self.clips
    }

    /// Prints to standard error where the time went.
    pub(super) fn explain(&self, elapsed: Duration) {
        self.times.explain("answers", self.rows, elapsed);
    }

    /// A failure when the work was interrupted (with that exit code), and, unless `fail_when` says otherwise, when a clip failed or
    /// when there were no clips.
    pub(super) fn verdict(
        &self,
        interrupted: Option<u8>,
        missing: Option<usize>,
        fail_when: FailWhen,
    ) -> Result<(), Failure> {
        if let Some(code) = interrupted {
            let missing =
                missing.map_or(String::new(), |clips| format!("; clips missing: {clips}"));
            let message = anyhow!("interrupted; answers given: {}{missing}", self.rows);
            return Err(Failure::with_code(code, message));
        }
        let is_failure = match fail_when {
            FailWhen::Any => true,
            FailWhen::All => self.failed == self.rows,
            FailWhen::Never => false,
        };
        if !is_failure {
            return Ok(());
        }
        match (&self.first, self.rows) {
            (_, 0) => Err(anyhow!("no clips: the input names none").into()),
            (None, _) => Ok(()),
            (Some(error), 1) => Err(anyhow!("{error}").into()),
            (Some(error), rows) => {
                let message = format!("{} of {rows} failed; the first: {error}", self.failed);
                Err(anyhow!(message).into())
            }
        }
    }
}
