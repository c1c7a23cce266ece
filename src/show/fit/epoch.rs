use crate::train::EpochRecord;

/// The epoch after which the network was best.
pub(super) fn best(epochs: &[EpochRecord]) -> Option<usize> {
    epochs.iter().rposition(|record| record.is_best)
}
