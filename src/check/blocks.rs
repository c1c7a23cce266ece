//! Every block of the network by itself, in float32: a network can be right by chance where two parts are wrong.

use std::collections::BTreeMap;

use super::finding::{Finding, Running};
use super::inputs::{clips, distance};
use super::{Options, Result};
use crate::engine::{self, Observed, Winograd};
use crate::recipe::Architecture;
use crate::weights::Weights;

/// As of whole networks.
const LIMIT: f64 = 1e-5;
const SEGMENTS: usize = 8;

pub(super) fn check(options: &Options, found: &mut dyn FnMut(Finding)) -> Result<()> {
    for architecture in Architecture::ALL {
        let weights = Weights::made_up(architecture)?;
        let batch = clips(2, SEGMENTS);
        let network = || weights.network(Some(SEGMENTS));
        let mut expected = BTreeMap::new();
        Winograd::observe(network()?, &weights, options.threads, &batch, &mut |seen| {
            expected.insert(seen.name(), seen.values.to_vec());
        })?;
        let blocks = expected.len();
        let running = Running::new(format!("{architecture}, {blocks} blocks"), options.device);
        // The block that is furthest from the CPU's.
        let (mut worst, mut compared) = ((0.0, String::new()), 0);
        let mut compare = |seen: Observed<'_>| {
            let Some(expected) = expected.get(&seen.name()) else {
                return;
            };
            let difference = distance(seen.values, expected);
            compared += 1;
            // A NaN is further than any number.
            if worst.1.is_empty() || difference > worst.0 || difference.is_nan() {
                worst = (difference, seen.name());
            }
        };
        let seen = engine::observe(network()?, &weights, options.device, &batch, &mut compare);
        let (difference, block) = worst;
        found(match seen {
            Ok(()) if compared < blocks => {
                running.says(format!("{compared} of {blocks} blocks were seen"), false)
            }
            Ok(()) => running.about(&block).differs(difference, LIMIT),
            Err(error) => running.says(error.to_string(), false),
        });
    }
    Ok(())
}
