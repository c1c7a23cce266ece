//! Whether an output has all its rows.

use serde::Serialize;

/// Whether all rows have been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every clip has its rows.
    Complete,
    /// The work ended early. The number is how many clips lack rows, where that is known.
    Cut(Cut, Option<usize>),
}

/// What ended the work early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// Ctrl-C or a signal.
    Interrupted,
    /// An error that does not concern a single clip.
    Failed,
}

impl Ending {
    /// Why rows are missing, and how many clips lack them; `None` when all rows are there.
    pub(super) fn reason(self) -> Option<String> {
        let Self::Cut(cut, missing) = self else {
            return None;
        };
        let cut = match cut {
            Cut::Interrupted => "interrupted",
            Cut::Failed => "failed",
        };
        Some(match missing {
            Some(clips) => format!("{cut}; clips missing: {clips}"),
            None => format!("{cut}; not all clips were read"),
        })
    }
}
