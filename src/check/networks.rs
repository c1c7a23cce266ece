//! Whole networks: logits of batches of several sizes, in every precision.

use super::finding::{Finding, Running};
use super::inputs::{clips, distance, first};
use super::{Options, Result};
use crate::engine::{
    self, ClipBatch, Device, Engine, EngineChoice, EngineOptions, Precision, Winograd, build,
    precisions,
};
use crate::recipe::Architecture;
use crate::weights::Weights;

/// Frames per clip that are tried.
const SEGMENTS: [usize; 3] = [4, 8, 16];
/// Both sides compute in float32: the Winograd engine within 6e-6 of float64, PyTorch within 1.3e-6.
const FLOAT32: f64 = 1e-5;
/// Values of 8 to 11 significant bits from layer to layer.
const FEWER_BITS: f64 = 5e-3;

pub(super) fn check(options: &Options, found: &mut dyn FnMut(Finding)) -> Result<()> {
    for architecture in Architecture::ALL {
        let weights = Weights::made_up(architecture)?;
        for segments in SEGMENTS {
            let network = weights.network(Some(segments))?;
            let batch = clips(options.batch, segments);
            let cpu = Winograd::compile(network, &weights, options.threads)?;
            let expected = cpu.run(&batch)?.logits;
            drop(cpu);
            for precision in precisions(options.device) {
                let what = format!("{architecture}, N {segments}, {precision}");
                check_precision(
                    options,
                    &weights,
                    &batch,
                    &expected,
                    (precision, &what),
                    found,
                )?;
            }
        }
    }
    Ok(())
}

fn check_precision(
    options: &Options,
    weights: &Weights,
    batch: &ClipBatch,
    expected: &[f32],
    (precision, what): (&Precision, &str),
    found: &mut dyn FnMut(Finding),
) -> Result<()> {
    let network = weights.network(Some(batch.segments))?;
    let running = Running::new(format!("{what}: loading"), options.device);
    let made = build(
        network,
        weights,
        &EngineOptions {
            // On the CPU, bfloat16 has an engine of its own.
            choice: match (options.device, precision) {
                (Device::Cpu, Precision::Bf16) => EngineChoice::Auto,
                _ => EngineChoice::Libtorch,
            },
            device: options.device,
            precision: *precision,
            threads: options.threads,
            frames: None,
        },
    );
    let engine = match made {
        Ok(engine) => engine,
        Err(error) => {
            found(running.says(error.to_string(), false));
            return Ok(());
        }
    };
    let limit = limit(*precision);
    for clips in sizes(batch.clips) {
        let running = Running::new(format!("{what}, batch {clips}"), options.device);
        let part = first(batch, clips);
        let difference = logits(&*engine, &part).map(|logits| {
            let expected = &expected[..expected.len() / batch.clips * clips];
            distance(&logits, expected)
        });
        found(running.answers(difference, limit));
    }
    Ok(())
}

/// The largest distance that is right.
pub(super) fn limit(precision: Precision) -> f64 {
    match precision {
        Precision::Fp32 => FLOAT32,
        Precision::Tf32 | Precision::Fp16 | Precision::Bf16 => FEWER_BITS,
    }
}

fn logits(engine: &dyn Engine, batch: &ClipBatch) -> engine::Result<Vec<f32>> {
    Ok(engine.run(batch)?.logits)
}

/// 1, 8 and the largest.
fn sizes(largest: usize) -> Vec<usize> {
    let mut sizes = vec![1, 8.min(largest), largest];
    sizes.dedup();
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "libtorch")]
    #[test]
    fn other_values_than_the_cpus_are_wrong() {
        let options = Options {
            device: Device::Cpu,
            threads: 1,
            batch: 1,
        };
        let weights = Weights::made_up(Architecture::Lite).unwrap();
        let batch = clips(1, 4);
        let network = weights.network(Some(4)).unwrap();
        let cpu = Winograd::compile(network, &weights, 1).unwrap();
        let right = cpu.run(&batch).unwrap().logits;
        let wrong: Vec<f32> = right.iter().map(|logit| 1.0001 * logit).collect();
        for (expected, is_right) in [(&right, true), (&wrong, false)] {
            let mut findings = Vec::new();
            let case = (&Precision::Fp32, "a network");
            check_precision(&options, &weights, &batch, expected, case, &mut |finding| {
                findings.push(finding);
            })
            .unwrap();
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].is_right, is_right, "{:?}", findings[0]);
        }
    }

    #[test]
    fn no_size_is_tried_twice() {
        for (largest, expected) in [(32, &[1, 8, 32][..]), (8, &[1, 8]), (3, &[1, 3]), (1, &[1])] {
            assert_eq!(sizes(largest), expected);
        }
    }
}
