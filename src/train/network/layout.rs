//! How tensors lie in memory where that makes a difference.

use super::error::Result;
use super::start::Tensors;
use crate::engine::layers;

/// Puts the channels of all filters last. A convolution takes the layout of its filters, and what follows it the layout of its
/// input: on a GPU no value is moved between convolutions then. On a CPU it makes no difference.
pub(super) fn channels_last(tensors: &mut Tensors) -> Result<()> {
    for tensor in tensors.values_mut() {
        *tensor = layers::channels_last(tensor)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::start::initial;
    use super::super::trained::TrainedNetwork;
    use super::*;
    use crate::engine::{ClipBatch, Device};
    use crate::network::Network;
    use crate::random::Draws;
    use crate::recipe::Architecture;
    use crate::train::network::Input;
    use crate::train::schedule::Position;
    use crate::train::{Preset, Recipe, Tuned};
    use crate::weights::RawTensor;

    const CLASSES: usize = 3;

    fn network(architecture: Architecture, is_arranged: bool) -> TrainedNetwork {
        let recipe = Recipe {
            tune: Tuned::All,
            batch: 1,
            accumulate: 1,
            ..Recipe::of(Preset::Small, architecture)
        };
        let network = Network::new(architecture, CLASSES, 4).unwrap();
        let tensors = network.state_dict().into_iter().map(|spec| {
            let tensor = initial(&spec, 7, Device::Cpu).unwrap();
            (spec.name, tensor)
        });
        let mut tensors: Tensors = tensors.collect();
        if is_arranged {
            channels_last(&mut tensors).unwrap();
        }
        TrainedNetwork::with_tensors(network, recipe, Device::Cpu, tensors).unwrap()
    }

    fn same(a: &[(String, RawTensor<'_>)], b: &[(String, RawTensor<'_>)]) -> bool {
        let mut both = a.iter().zip(b);
        a.len() == b.len() && both.all(|((_, a), (_, b))| a.shape == b.shape && a.data == b.data)
    }

    #[test]
    fn channels_last_changes_where_values_lie_and_not_what_is_computed() {
        for architecture in Architecture::ALL {
            let [mut plain, mut arranged] =
                [false, true].map(|is_arranged| network(architecture, is_arranged));
            let start = plain.state_dict().unwrap();
            assert!(same(&start, &arranged.state_dict().unwrap()));

            let mut clips = ClipBatch::zeros(1, 4);
            let mut draws = Draws::new(5, &[]);
            clips
                .values
                .fill_with(|| 200.0 * draws.unit() as f32 - 100.0);
            let [a, b] = [&mut plain, &mut arranged].map(|network| {
                let at = Position::default();
                let answer = network.accumulate(Input::Clips(&clips), &[1], at).unwrap();
                let gradient = network.step(0.01).unwrap().gradient_norm;
                assert!(!same(&start, &network.state_dict().unwrap()));
                [answer.loss, gradient]
            });
            for (a, b) in a.into_iter().zip(b) {
                // The convolutions add up in another order.
                assert!((a / b - 1.0).abs() < 1e-2, "{architecture}: {a} and {b}");
            }
        }
    }
}
