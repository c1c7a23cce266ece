//! Weights: reading checkpoints, matching names, metadata and reports.
