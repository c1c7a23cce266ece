//! What follows a convolution's sums.

use super::simd::{Simd, floor_at, load};

/// What follows a sum, per channel: `max(sum * scale + shift, floor)`. The sum includes the residual.
#[derive(Clone, Default)]
pub struct Epilogue {
    /// The convolution's bias, for the raw sum.
    pub bias: Vec<f32>,
    /// Batch norm's factor.
    pub scale: Vec<f32>,
    /// Batch norm's offset, which includes the bias.
    pub shift: Vec<f32>,
    /// 0 for ReLU, minus infinity for none.
    pub floor: Vec<f32>,
}

impl Epilogue {
    /// A bias and nothing else.
    pub fn bias(bias: &[f32]) -> Self {
        Self {
            bias: bias.to_vec(),
            scale: vec![1.0; bias.len()],
            shift: bias.to_vec(),
            floor: vec![f32::NEG_INFINITY; bias.len()],
        }
    }

    /// How many channels it is for.
    pub fn channels(&self) -> usize {
        self.bias.len()
    }

    /// Whether ReLU comes last in every channel, so that nothing is negative.
    pub fn is_relu(&self) -> bool {
        self.floor.iter().all(|&floor| floor == 0.0)
    }

    /// The channels of both, side by side.
    pub fn append(&mut self, other: Self) {
        self.bias.extend(other.bias);
        self.scale.extend(other.scale);
        self.shift.extend(other.shift);
        self.floor.extend(other.floor);
    }

    /// What follows the sums of a vector of channels, from `channel` on.
    #[inline(always)]
    pub fn at<S: Simd>(&self, channel: usize) -> Finisher<S> {
        let [scale, shift, floor] = [&self.scale, &self.shift, &self.floor];
        Finisher(
            load::<S>(scale, channel),
            load::<S>(shift, channel),
            load::<S>(floor, channel),
        )
    }
}

/// Scale, shift and floor of an [`Epilogue`], in registers.
#[derive(Clone, Copy)]
pub struct Finisher<S: Simd>(S::f32s, S::f32s, S::f32s);

impl<S: Simd> Finisher<S> {
    /// The activation of a sum.
    #[inline(always)]
    pub fn activate(self, s: S, sum: S::f32s) -> S::f32s {
        floor_at(s, s.mul_add_f32s(sum, self.0, self.1), self.2)
    }
}
