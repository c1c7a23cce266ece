//! Batches in a device's hands, while the CPU does something else.

use std::fmt;
use std::time::Duration;

use super::error::Result;
use super::output::Output;

/// Batches that a device computes one after the other. Pixels go over as they were decoded: a quarter of the input's bytes.
pub trait Queue {
    /// Hands over a batch of clips: RGB, `[segments, 224, 224, 3]` each. Where [`QUEUE_DEPTH`] batches have not been collected,
    /// another one takes memory and no less time: collect one first.
    ///
    /// # Errors
    /// Clips of another length, and what libtorch reports.
    fn submit(&mut self, clips: &[&[u8]]) -> Result<()>;

    /// Whether [`Queue::collect`] would not wait.
    ///
    /// # Errors
    /// What libtorch reports.
    fn is_ready(&self) -> Result<bool>;

    /// Waits for the oldest batch. Returns what the network says, and how long it took the device. `None` if there is no batch.
    ///
    /// # Errors
    /// What libtorch reports, of the batch's computation as well.
    fn collect(&mut self) -> Result<Option<(Output, Duration)>>;

    /// Whether batches are replayed from a graph.
    fn graph(&self) -> GraphUse<'_>;
}

impl dyn Queue + '_ {
    /// Hands over batches one after the other, as many at a time as is worth it, and gives each answer to `answered`, with the
    /// batch's number and how long it took the device.
    ///
    /// # Errors
    /// Those of [`Queue::submit`] and [`Queue::collect`].
    pub fn run<'c>(
        &mut self,
        batches: impl IntoIterator<Item = Vec<&'c [u8]>>,
        mut answered: impl FnMut(usize, Output, Duration),
    ) -> Result<()> {
        let mut done = 0;
        let mut collect = |queue: &mut Self| -> Result<bool> {
            let Some((output, elapsed)) = queue.collect()? else {
                return Ok(false);
            };
            answered(done, output, elapsed);
            done += 1;
            Ok(true)
        };
        for (number, batch) in batches.into_iter().enumerate() {
            if number >= QUEUE_DEPTH {
                collect(self)?;
            }
            self.submit(&batch)?;
        }
        while collect(self)? {}
        Ok(())
    }
}

/// Batches that are in a device's hands at most: one that is computed, and one whose pixels are copied meanwhile.
pub const QUEUE_DEPTH: usize = 2;

/// Whether the work for a batch is taken down once and then replayed, which spares the CPU hundreds of calls for each batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphUse<'a> {
    /// No second batch has had the size of the one before it.
    Untried,
    /// Batches of one size are replayed.
    Replayed,
    /// Every batch is computed anew, and why.
    Refused(&'a str),
}

impl fmt::Display for GraphUse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untried => f.write_str("no graph yet"),
            Self::Replayed => f.write_str("replayed from a graph"),
            Self::Refused(reason) => write!(f, "no graph ({reason})"),
        }
    }
}
