use serde::Serialize;

/// Whether all rows have been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every clip has its rows.
    Complete,
    /// The work ended early, with so many clips without a row where that is known.
    Cut(Cut, Option<usize>),
}

/// What ended the work early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// Ctrl-C or a signal.
    Interrupted,
    /// An error that is about no single clip.
    Failed,
}
