//! Batches one after the other in a device's hands, as `eco classify` hands them over.

use std::time::Instant;

use super::report::{Queued, Stage};
use crate::engine::{self, ClipBatch, Engine};
use crate::recipe::Preprocess;

/// Batches before all have been computed in the same way: the second is taken down as a graph.
const UNLIKE: usize = 3;

/// Measures `runs` batches of so many clips after `warmup` others: from answer to answer, and what the device computes of that.
/// `None` if the engine computes where it is called.
///
/// # Errors
/// Those of the queue.
pub(super) fn measure(
    engine: &dyn Engine,
    clips: usize,
    warmup: usize,
    runs: usize,
) -> engine::Result<Option<(Vec<Stage>, Queued)>> {
    let Some(mut queue) = engine.queue(Preprocess::Official)? else {
        return Ok(None);
    };
    let length = engine.segments() * ClipBatch::FRAME_LEN;
    // Run time does not depend on the values.
    let pixels: Vec<u8> = (0..length).map(|at| (at / 7) as u8).collect();
    let batch = vec![&pixels[..]; clips];
    let warmup = warmup.max(UNLIKE);
    let (mut queued, mut computed) = (Vec::new(), Vec::new());
    let mut last = Instant::now();
    let batches = (0..warmup + runs).map(|_| batch.clone());
    queue.run(batches, |number, _, elapsed| {
        if number >= warmup {
            queued.push(last.elapsed());
            computed.push(elapsed);
        }
        last = Instant::now();
    })?;
    let (queued, computed) = (
        Stage::new("queued", queued, clips),
        Stage::new("device alone", computed, clips),
    );
    let report = Queued::new(&queued, &computed, queue.graph().to_string());
    Ok(Some((vec![queued, computed], report)))
}

#[cfg(all(test, feature = "libtorch"))]
mod tests {
    use super::*;
    use crate::engine::{Device, Libtorch, Precision};
    use crate::recipe::Architecture;
    use crate::weights::Weights;

    #[test]
    fn a_queue_is_measured_from_answer_to_answer() {
        let weights = Weights::made_up(Architecture::Lite).unwrap();
        let network = weights.network(Some(4)).unwrap();
        let engine = Libtorch::new(network, &weights, Device::Cpu, Precision::Fp32).unwrap();
        let (stages, report) = measure(&engine, 1, 0, 2).unwrap().unwrap();
        let shown = serde_json::to_value(&stages).unwrap();
        assert_eq!(shown[0]["name"], "queued");
        assert_eq!(
            (&shown[0]["runs"], &shown[1]["runs"]),
            (&2.into(), &2.into())
        );
        assert_eq!(report.graph, "replayed from a graph");
        assert!(report.busy > 0.0);
    }
}
