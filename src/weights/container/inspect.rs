//! A look at any checkpoint, without a model in mind.

use serde::Serialize;

use super::checkpoint::Checkpoint;
use crate::weights::error::WeightsError;
use crate::weights::tensor::{Dtype, RawTensor, TensorInfo};

/// A tensor may claim to be this many times larger than its file before it is left unread: a view
/// with stride 0 repeats one value as often as it likes.
const MAX_CLAIM: u64 = 4;
/// All tensors together may claim this many times the size of the file.
const MAX_TOTAL: u64 = 8;
/// What small files may claim in any case.
const FREE: u64 = 64 << 20;

/// What a tensor's values look like. NaN and infinite values are counted and otherwise left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stats {
    /// Mean of the finite values; `None` where there are none.
    pub mean: Option<f64>,
    /// Smallest finite value.
    pub min: Option<f64>,
    /// Largest finite value.
    pub max: Option<f64>,
    /// Values that are NaN or infinite.
    pub non_finite: usize,
}

/// One tensor of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InspectedTensor {
    /// Its dotted name.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// Bytes its values take.
    pub bytes: usize,
    /// Its values; `None` when they were not read, and for complex and 8-bit floating-point types.
    pub stats: Option<Stats>,
    /// Why its values were not read.
    pub note: Option<String>,
}

/// Goes through the tensors of a checkpoint, one in memory at a time.
pub struct Inspector<'a> {
    checkpoint: &'a Checkpoint,
    next: usize,
    /// Bytes that may still be read.
    budget: u64,
}

impl<'a> Inspector<'a> {
    /// Starts at the first tensor.
    pub fn new(checkpoint: &'a Checkpoint) -> Self {
        let budget = checkpoint
            .len()
            .saturating_mul(MAX_TOTAL)
            .saturating_add(FREE);
        Self {
            checkpoint,
            next: 0,
            budget,
        }
    }

    fn row(&mut self, index: usize, entry: &TensorInfo) -> InspectedTensor {
        let (stats, note) = match self.stats(index, entry) {
            Ok(stats) => (stats, None),
            Err(note) => (None, Some(note)),
        };
        InspectedTensor {
            name: entry.name.clone(),
            dtype: entry.dtype,
            shape: entry.shape.clone(),
            bytes: entry.bytes(),
            stats,
            note,
        }
    }

    fn stats(&mut self, index: usize, entry: &TensorInfo) -> Result<Option<Stats>, String> {
        let bytes = entry.bytes() as u64;
        let limit = self
            .checkpoint
            .len()
            .saturating_mul(MAX_CLAIM)
            .saturating_add(FREE);
        if bytes > limit || bytes > self.budget {
            return Err("not read: it claims more than the file holds".to_string());
        }
        self.budget -= bytes;
        let tensor = self.checkpoint.read(index).map_err(|error| match error {
            WeightsError::Unreadable { reason, .. } => reason,
            other => other.to_string(),
        })?;
        Ok(stats(&tensor))
    }
}

impl Iterator for Inspector<'_> {
    type Item = InspectedTensor;

    fn next(&mut self) -> Option<InspectedTensor> {
        let entry = self.checkpoint.tensors().get(self.next)?;
        self.next += 1;
        Some(self.row(self.next - 1, entry))
    }
}

fn stats(tensor: &RawTensor<'_>) -> Option<Stats> {
    let mut sums = Sums::default();
    match tensor.f32s() {
        Some(values) => values.iter().for_each(|&value| sums.add(f64::from(value))),
        None => tensor.values()?.for_each(|value| sums.add(value)),
    }
    let some = sums.finite > 0;
    Some(Stats {
        mean: some.then(|| sums.sum / sums.finite as f64),
        min: some.then_some(sums.min),
        max: some.then_some(sums.max),
        non_finite: sums.non_finite,
    })
}

struct Sums {
    sum: f64,
    min: f64,
    max: f64,
    finite: usize,
    non_finite: usize,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            finite: 0,
            non_finite: 0,
        }
    }
}

impl Sums {
    fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.sum += value;
            self.min = self.min.min(value);
            self.max = self.max.max(value);
            self.finite += 1;
        } else {
            self.non_finite += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_no_numbers_are_counted_and_left_out_of_the_rest() {
        let values = [1.0f32, 3.0, f32::NAN, f32::NEG_INFINITY];
        let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let tensor = RawTensor {
            dtype: Dtype::F32,
            shape: vec![4],
            data: data.into(),
        };
        let expected = Stats {
            mean: Some(2.0),
            min: Some(1.0),
            max: Some(3.0),
            non_finite: 2,
        };
        assert_eq!(stats(&tensor), Some(expected));
    }

    #[test]
    fn an_empty_tensor_has_no_mean() {
        let tensor = RawTensor {
            dtype: Dtype::I64,
            shape: vec![0],
            data: Vec::new().into(),
        };
        assert_eq!(stats(&tensor).unwrap().mean, None);
    }
}
