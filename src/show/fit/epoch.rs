use serde::Serialize;

/// How an epoch went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EpochRow {
    /// Its number, from 0.
    pub epoch: usize,
    /// Steps of this epoch.
    pub steps: usize,
    /// Steps since the training began.
    pub step: usize,
    /// The mean loss of its steps.
    pub loss: f64,
    /// The share of the clips that it was fitted to that were answered right before their step, 0 to 1.
    pub top_1: f64,
    /// The learning rate of its last step.
    pub learning_rate: f64,
    /// The mean loss on the clips that were held back, where the epoch was judged.
    pub judged_loss: Option<f64>,
    /// The share of the clips that were held back that were answered right, 0 to 1.
    pub judged_top_1: Option<f64>,
    /// Whether the network was better than after every earlier epoch.
    pub is_best: bool,
    /// Seconds that it took.
    pub seconds: f64,
    /// Clips per second in training.
    pub clips_per_second: f64,
}

/// The epoch after which the network was best.
pub(super) fn best(epochs: &[EpochRow]) -> Option<usize> {
    epochs.iter().rposition(|row| row.is_best)
}
