//! What a check finds.

use std::time::Instant;

use serde::Serialize;

use crate::engine::Device;

/// One thing that was checked.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was checked, such as `ECO-Lite, N 16, batch 8, fp16`.
    pub what: String,
    /// What came out.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Whether that is as it should be.
    pub is_right: bool,
    /// How long the device took.
    pub seconds: f64,
    /// Memory of the GPU that is in use, in MB, by everybody.
    pub used_memory_mb: Option<f64>,
}

/// What came out of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A distance to the CPU's values.
    Difference {
        /// Relative L2 distance, or of single numbers the relative difference.
        found: f64,
        /// The largest that is right.
        limit: f64,
    },
    /// An error that was wanted, or one that was not.
    Message(String),
}

/// A check that runs.
#[derive(Clone)]
pub(super) struct Running {
    what: String,
    device: Device,
    begun: Instant,
}

impl Running {
    pub(super) fn new(what: String, device: Device) -> Self {
        Self {
            what,
            device,
            begun: Instant::now(),
        }
    }

    /// The same about a part of it.
    pub(super) fn about(mut self, part: &str) -> Self {
        self.what += ": ";
        self.what += part;
        self
    }

    /// Ends with a distance.
    pub(super) fn differs(self, found: f64, limit: f64) -> Finding {
        // A NaN is not right.
        let is_right = found <= limit;
        self.ends(Outcome::Difference { found, limit }, is_right)
    }

    /// Ends with the distance of values that the device may have failed to compute.
    pub(super) fn answers<E: std::error::Error>(
        self,
        difference: std::result::Result<f64, E>,
        limit: f64,
    ) -> Finding {
        match difference {
            Ok(found) => self.differs(found, limit),
            Err(error) => self.says(error.to_string(), false),
        }
    }

    /// Ends with a message.
    pub(super) fn says(self, message: String, is_right: bool) -> Finding {
        self.ends(Outcome::Message(message), is_right)
    }

    fn ends(self, outcome: Outcome, is_right: bool) -> Finding {
        let memory = self.device.memory();
        Finding {
            outcome,
            is_right,
            seconds: self.begun.elapsed().as_secs_f64(),
            used_memory_mb: memory.map(|memory| (memory.total - memory.free) as f64 / 1e6),
            what: self.what,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_or_too_far_is_wrong() {
        for (found, is_right) in [
            (1e-6, true),
            (1e-5, true),
            (1.1e-5, false),
            (f64::NAN, false),
        ] {
            let running = Running::new("a network".to_owned(), Device::Cpu);
            assert_eq!(running.differs(found, 1e-5).is_right, is_right, "{found}");
        }
    }
}
