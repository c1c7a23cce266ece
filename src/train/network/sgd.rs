//! Stochastic gradient descent with momentum, as `torch.optim.SGD` does it. Its state is ours, to be stored.

use tch::Tensor;

use super::error::Result;
use crate::train::recipe::Update;

/// What a step does to a tensor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// Factor of the gradient.
    pub share: f64,
    pub rate: f64,
    pub decay: f64,
    pub momentum: f64,
    pub update: Update,
}

/// Steps, without a record for gradients. `momentum` is 0 before the first step. The gradient is used up.
///
/// The order of operations is PyTorch's, and every product is added at once (`addcmul`), so that no tensor is made.
pub(super) fn step(
    rule: Rule,
    tensor: &mut Tensor,
    mut gradient: Tensor,
    momentum: &mut Tensor,
) -> Result<()> {
    let scalar = |value: f64| -> Result<Tensor> {
        let scalar = Tensor::f_from_slice(&[value as f32])?.f_view([0_i64; 0])?;
        Ok(scalar.f_to_device(tensor.device())?)
    };
    if rule.share != 1.0 {
        let _ = gradient.f_multiply_scalar_(rule.share)?;
    }
    if rule.decay != 0.0 {
        let _ = gradient.f_addcmul_(tensor, &scalar(rule.decay)?)?;
    }
    let _ = momentum.f_multiply_scalar_(rule.momentum)?;
    let _ = momentum.f_add_(&gradient)?;
    let back = scalar(-rule.rate)?;
    match rule.update {
        Update::Plain => {
            let _ = tensor.f_addcmul_(momentum, &back)?;
        }
        Update::Nesterov => {
            let _ = gradient.f_addcmul_(momentum, &scalar(rule.momentum)?)?;
            let _ = tensor.f_addcmul_(&gradient, &back)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tch::{COptimizer, Kind};

    use super::*;

    /// Rounding of some steps of values near 1.
    const ROUNDING: f64 = 1e-6;

    /// Three steps on `sum(x^3)`, by libtorch's optimiser and by ours.
    fn both(update: Update) -> [Tensor; 2] {
        let start = Tensor::linspace(-1.0, 1.0, 7, (Kind::Float, tch::Device::Cpu));
        let (rate, momentum, decay) = (0.05, 0.9, 0.01);
        let nesterov = update == Update::Nesterov;
        let mut theirs = start.copy().set_requires_grad(true);
        let mut optimiser = COptimizer::sgd(rate, momentum, 0.0, decay, nesterov).unwrap();
        optimiser.add_parameters(&theirs, 0).unwrap();
        let mut ours = start.copy();
        let mut buffer = start.zeros_like();
        let rule = Rule {
            share: 0.5,
            rate,
            decay,
            momentum,
            update,
        };
        for _ in 0..3 {
            optimiser.zero_grad().unwrap();
            theirs.pow_tensor_scalar(3).sum(Kind::Float).backward();
            optimiser.step().unwrap();
            // Twice the gradient, of which the share is a half.
            let gradient = ours.square() * 6.0;
            step(rule, &mut ours, gradient, &mut buffer).unwrap();
        }
        theirs = theirs.detach();
        [theirs, ours]
    }

    #[test]
    fn steps_are_libtorchs() {
        for &update in Update::ALL {
            let [theirs, ours] = both(update);
            let difference = (theirs - ours).abs().max().double_value(&[]);
            assert!(difference < ROUNDING, "{update}: {difference:e}");
        }
    }
}
