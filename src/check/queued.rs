//! Batches in the device's hands, one after the other, as `eco classify` hands them over: computed, taken down as a graph,
//! replayed.

use super::finding::{Finding, Running};
use super::inputs::{distance, normalised, pixels};
use super::networks::limit;
use super::{Options, Result};
use crate::engine::{
    self, Device, Engine, EngineChoice, EngineOptions, GraphUse, Precision, Winograd, build,
    precisions,
};
use crate::recipe::{Architecture, Preprocess};
use crate::weights::Weights;

const SEGMENTS: usize = 16;
/// Clips of a batch, if that many are to be tried.
const CLIPS: usize = 8;

pub(super) fn check(options: &Options, found: &mut dyn FnMut(Finding)) -> Result<()> {
    let clips = pixels(CLIPS.min(options.batch), SEGMENTS);
    for architecture in Architecture::ALL {
        let weights = Weights::made_up(architecture)?;
        let network = weights.network(Some(SEGMENTS))?;
        let cpu = Winograd::compile(network, &weights, options.threads)?;
        let expected = cpu.run(&normalised(&clips, SEGMENTS))?;
        let expected: Vec<&[f32]> = (0..clips.len())
            .map(|clip| expected.logits_of(clip))
            .collect();
        drop(cpu);
        for precision in queued(options.device) {
            let what = format!(
                "{architecture}, N {SEGMENTS}, {precision}, batches of {} in a queue",
                clips.len()
            );
            let running = Running::new(what, options.device);
            let engine_options = EngineOptions {
                choice: EngineChoice::Libtorch,
                device: options.device,
                precision: *precision,
                threads: options.threads,
                frames: None,
            };
            let network = weights.network(Some(SEGMENTS))?;
            match build(network, &weights, &engine_options) {
                Ok(engine) => check_engine(&*engine, &clips, &expected, *precision, running, found),
                Err(error) => found(running.says(error.to_string(), false)),
            }
        }
    }
    Ok(())
}

/// What libtorch, which has the queue, computes with on a device.
fn queued(device: Device) -> &'static [Precision] {
    match device {
        Device::Cpu => &[Precision::Fp32],
        Device::Cuda(_) => precisions(device),
    }
}

fn check_engine(
    engine: &dyn Engine,
    clips: &[Vec<u8>],
    expected: &[&[f32]],
    precision: Precision,
    running: Running,
    found: &mut dyn FnMut(Finding),
) {
    let about_graph = running.clone().about("graph");
    match furthest(engine, clips, expected) {
        Ok((difference, graph)) => {
            found(running.differs(difference, limit(precision)));
            let is_right = graph == GraphUse::Replayed.to_string();
            found(about_graph.says(graph, is_right));
        }
        Err(error) => found(running.says(error.to_string(), false)),
    }
}

/// The largest distance of any batch's logits, and what has become of the graph.
fn furthest(
    engine: &dyn Engine,
    clips: &[Vec<u8>],
    expected: &[&[f32]],
) -> engine::Result<(f64, String)> {
    let Some(mut queue) = engine.queue(Preprocess::Official)? else {
        return Ok((f64::NAN, "no queue".to_owned()));
    };
    // Each large batch has the clips in another order.
    let all: Vec<usize> = (0..clips.len()).collect();
    let turned = |by: usize| {
        let mut turned = all.clone();
        turned.rotate_left(by % all.len());
        turned
    };
    let batches = [
        turned(0),
        turned(1),
        turned(2),
        vec![0],
        turned(3),
        turned(5),
        vec![0],
    ];
    let mut furthest = 0.0_f64;
    let pixels = |batch: &Vec<usize>| -> Vec<&[u8]> {
        batch.iter().map(|&clip| clips[clip].as_slice()).collect()
    };
    queue.run(batches.iter().map(pixels), |number, output, _| {
        let expected: Vec<f32> = batches[number]
            .iter()
            .flat_map(|&clip| expected[clip].iter().copied())
            .collect();
        let distance = distance(&output.logits, &expected);
        // `max` would pass over what is no number, and what came before it must not hide it.
        furthest = match furthest.is_nan() || distance.is_nan() {
            true => f64::NAN,
            false => furthest.max(distance),
        };
    })?;
    Ok((furthest, queue.graph().to_string()))
}

#[cfg(all(test, feature = "libtorch"))]
mod tests {
    use super::*;
    use crate::engine::{Device, Libtorch};

    #[test]
    fn answers_of_other_clips_are_wrong() {
        let weights = Weights::made_up(Architecture::Lite).unwrap();
        let network = weights.network(Some(4)).unwrap();
        let engine = Libtorch::new(network, &weights, Device::Cpu, Precision::Fp32).unwrap();
        let clips = pixels(2, 4);
        let right = engine.run(&normalised(&clips, 4)).unwrap();
        let [a, b] = [0, 1].map(|clip| right.logits_of(clip));
        // One that the last batch does not have, so that a right answer follows.
        let no_numbers = vec![f32::NAN; a.len()];
        for (expected, is_right) in [([a, b], true), ([b, a], false), ([a, &no_numbers], false)] {
            let mut findings = Vec::new();
            let running = Running::new("a queue".to_owned(), Device::Cpu);
            check_engine(
                &engine,
                &clips,
                &expected,
                Precision::Fp32,
                running,
                &mut |finding| {
                    findings.push(finding.is_right);
                },
            );
            assert_eq!(findings, [is_right, true]);
        }
    }
}
